import ClientKit
import Foundation
import Journal

/// One line of `runner logs`.
struct CommandRecord: Encodable {
    let time: Date
    let purpose: String?
    let step: String?
    let host: String
    let command: [String]
    let effect: String
    let outcome: String
    let milliseconds: Int?

    init(_ command: RecordedCommand) {
        time = command.time
        purpose = command.start.purpose
        step = command.step
        host = command.start.host
        self.command = command.start.command
        effect = command.start.effect.rawValue
        outcome = command.end.map { "\($0.outcome) \($0.value)" } ?? "unknown"
        milliseconds = command.end?.durationMilliseconds
    }

    /// What can be said without the command itself about its purpose.
    private var program: String {
        let first = command.first?.prefix { $0 != " " && !$0.isNewline } ?? "nothing"
        return ["sh", "bash"].contains(first) ? "run a script" : "run \(first)"
    }

    /// Its purpose, host and result; the exact command with `isVerbose`.
    func line(isVerbose: Bool) -> String {
        let words = command.joined(separator: " ")
        let facts =
            "\(host)  \(step ?? "-")  \(effect)  \(outcome)  \(milliseconds.map { "\($0) ms" } ?? "-")  "
            + time.formatted(.iso8601)
        return ("\(purpose ?? program)  \(facts)" + (isVerbose ? "  \(words)" : "")).visibleOnOneLine
    }
}
