import ArgumentParser
import ClientKit
import Journal

/// Why a command is run, for the record.
struct ReasonOptions: ParsableArguments {
    @Option(name: .long, help: "The ticket or approval, such as OPS-1234; recorded.") var ticket: String?
    @Option(name: .long, help: "The reason, in a sentence; recorded.") var reason: String?

    func validate() throws {
        for (name, text) in [("ticket", ticket), ("reason", reason)] {
            guard let text else { continue }
            guard text.contains(where: { !$0.isWhitespace }) else { throw ValidationError("--\(name) is empty") }
            guard text.utf8.count <= 1000 else { throw ValidationError("--\(name) is longer than 1,000 bytes") }
            if text.unicodeScalars.contains(where: { $0.isHidden || $0 == "\n" }) {
                throw ValidationError("--\(name) contains control characters or line breaks")
            }
        }
    }

    /// Both, for the record.
    var why: RunReason { RunReason(ticket: ticket, reason: reason) }
}
