import ArgumentParser
import ClientKit
import Journal

/// `runner audit verify`.
struct AuditVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract:
            "Prove that nobody edited, removed, moved or cut a record or a file; names the place if somebody did.",
        discussion: """
            Without a run, verifies all of them and the state directory itself. What it cannot know: whoever can write all \
            of the state directory can rewrite it, or remove the newest run with its lines in heads.jsonl; compare with a \
            head that is kept elsewhere, such as on the Lease.
            """)

    @Argument(help: "The run (default: all runs).") var run: String?
    @Option(
        name: .long,
        help: "A head known from elsewhere that the run's log must contain, as NUMBER:HASH or HASH.")
    var expectHead: String?
    @OptionGroup var stateOptions: StateOptions
    @OptionGroup var formatOptions: FormatOptions

    func validate() throws {
        guard let expectHead else { return }
        if run == nil { throw ValidationError("--expect-head requires a run") }
        if AuditAnchor(expecting: expectHead) == nil {
            throw ValidationError("--expect-head takes NUMBER:HASH or HASH, the hash in 64 hexadecimal digits")
        }
    }

    func run() async throws {
        let report = try await reporting {
            let state = try await stateOptions.existing
            let anchors = [expectHead.flatMap(AuditAnchor.init(expecting:))].compactMap(\.self)
            guard run != nil else {
                return try await runBlocking { try AuditVerifier(state).verifyAll() }
            }
            let reader = try await stateOptions.run(run)
            return try await runBlocking {
                let report = try AuditVerifier(state).verify(reader, anchors: anchors)
                return StateReport(runs: [report], findings: [], notes: [])
            }
        }
        try formatOptions.print(report) { report.words }
        if !report.isIntact { throw ExitCode(65) }
    }
}

extension StateReport {
    fileprivate var words: String {
        let directory = findings.map { "NOT INTACT: \($0)" } + notes
        let runs = runs.isEmpty ? ["no runs"] : runs.map(\.words)
        return (runs + directory).joined(separator: "\n")
    }
}

extension AuditReport {
    fileprivate var words: String {
        let notes = notes.map { "\n  note: \($0)" }.joined()
        guard isIntact else {
            return "\(run): NOT INTACT\n" + findings.map { "  \($0)" }.joined(separator: "\n") + notes
        }
        let limit = anchoredUpTo < lines ? ", vouched for up to line \(anchoredUpTo)" : ""
        return "\(run): intact, \(lines) records, head \(head)\(limit)" + notes
    }
}
