import ArgumentParser
import ClientKit
import Foundation
import Journal

/// `runner audit list`.
struct AuditListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List all runs, newest last: who, what, how it ended, and whether it is intact.",
        discussion: "Verifies each run; `runner audit verify` names what is wrong.")

    @OptionGroup var stateOptions: StateOptions
    @OptionGroup var formatOptions: FormatOptions

    func run() async throws {
        try await reporting {
            let state = try await stateOptions.existing
            let format = formatOptions.format
            try await runBlocking {
                let verifier = try AuditVerifier(state)
                var runs = try state.runs()[...]
                if runs.isEmpty, format == .text { try StandardOutput.write("no runs") }
                try EntryPrinter.print(as: format) {
                    try runs.popLast().map { try ListedRun($0, in: state, verifier: verifier) }
                } line: {
                    "\($0.line)"
                } json: {
                    try JSONOutput.string($0)
                }
            }
        }
    }
}

/// One line of `runner audit list`.
struct ListedRun: Encodable {
    let run: String
    let module: String
    let started: Date?
    let who: String?
    let state: String
    let ticket: String?
    let reason: String?
    let counts: [String: Int]?
    let isIntact: Bool
    /// The first thing that is wrong.
    let finding: String?

    init(_ reader: RunReader, in directory: StateDirectory, verifier: AuditVerifier) throws {
        let header = try reader.header().content
        run = reader.id.description
        module = reader.id.module
        started = header?.started
        who = header?.who.words
        state = try RunStatus.state(of: reader, in: directory).state
        counts = try reader.outcome().content?.counts
        let report = try verifier.verify(reader)
        isIntact = report.isIntact
        finding = report.findings.first?.description
        let opening = report.lines > 0 ? try reader.records().next()?.entry().content : nil
        if case .runStart(let opened) = opening {
            (ticket, reason) = (opened.ticket, opened.reason)
        } else {
            (ticket, reason) = (nil, nil)
        }
    }

    var line: String {
        let applied = counts?["applied"].map { "\($0) applied" }
        let verdict = isIntact ? "intact" : "NOT INTACT: \(finding ?? "")"
        let facts = [
            run, started?.formatted(.iso8601), "module \(module)", who, state, applied, ticket, reason, verdict,
        ]
        return facts.compactMap { $0?.visibleOnOneLine }.joined(separator: "  ")
    }
}
