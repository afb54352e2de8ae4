import ArgumentParser
import ClientKit
import Journal

/// `runner audit verify`.
struct AuditVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Prove that nobody edited, removed, moved or cut a record; names the line if somebody did.")

    @Argument(help: "The run (default: all runs).") var run: String?
    @Option(name: .long, help: "A head known from elsewhere, as NUMBER:HASH, that the log must contain.")
    var expectHead: String?
    @OptionGroup var stateOptions: StateOptions
    @OptionGroup var formatOptions: FormatOptions

    func run() async throws {
        let reports = try await reporting {
            let state = stateOptions.reading
            let anchors = try expectHead.map { text in
                guard let head = AuditHead(text) else { throw ValidationError("--expect-head wants NUMBER:HASH") }
                return [AuditAnchor(head, source: "--expect-head")]
            }
            if anchors != nil, run == nil { throw ValidationError("--expect-head needs a run") }
            let readers = try await run == nil ? runBlocking { try state.runs() } : [stateOptions.run(run)]
            return try await runBlocking {
                try readers.map { try AuditVerifier(state).verify($0, anchors: anchors ?? []) }
            }
        }
        try formatOptions.print(reports) {
            reports.isEmpty ? "no runs" : reports.map(\.words).joined(separator: "\n")
        }
        if !reports.allSatisfy(\.isIntact) { throw ExitCode(65) }
    }
}

extension AuditReport {
    fileprivate var words: String {
        guard isIntact else { return "\(run): NOT INTACT\n" + findings.map { "  \($0)" }.joined(separator: "\n") }
        let limit = anchoredUpTo < lines ? ", vouched for up to line \(anchoredUpTo)" : ""
        return "\(run): intact, \(lines) records, head \(head)\(limit)"
    }
}
