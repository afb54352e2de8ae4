import ArgumentParser
import ClientKit
import Foundation
import Journal

/// `runner audit list`.
struct AuditListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List all runs, newest last: who, what, how each ended, whether it is signed and intact.",
        discussion: """
            Verifies each run; `runner audit verify` shows what is wrong, and with \
            --allowed-signers checks who signed.
            """)

    @OptionGroup var stateOptions: StateOptions
    @OptionGroup var formatOptions: FormatOptions

    func run() async throws {
        try await reporting {
            let state = try await stateOptions.existing
            let format = formatOptions.format
            try await runBlocking {
                let verifier = try AuditVerifier(state)
                var runs = try state.runs()[...]
                let listed = Set(runs.map(\.id))
                var pruned = try state.tombstones().filter { !listed.contains($0.run) }[...]
                if runs.isEmpty, format == .text { try StandardOutput.write("no runs") }
                try EntryPrinter.print(as: format) {
                    if let first = pruned.first, runs.last.map({ first.run < $0.id }) ?? true {
                        return ListedRun(pruned.removeFirst())
                    }
                    return try runs.popLast().map { try ListedRun(of: $0, in: state, verifier: verifier) }
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
    /// The last record that is signed, whether or not the signer is allowed to sign.
    let signedUpTo: Int
    /// Whether nothing but the record of the last signature is unsigned; nil where it was pruned.
    let isSigned: Bool?
    /// Nil where it was pruned: `runner audit verify` judges its tombstone.
    let isIntact: Bool?
    /// The first thing that is wrong.
    let finding: String?
    /// What stays of a run that was pruned.
    let tombstone: Tombstone?

    init(_ tombstone: Tombstone) {
        run = tombstone.run.description
        module = tombstone.run.module
        (started, who, ticket, reason, counts, finding) = (nil, nil, nil, nil, nil, nil)
        state = tombstone.result.rawValue
        (signedUpTo, isSigned, isIntact) = (0, nil, nil)
        self.tombstone = tombstone
    }

    /// The run, or what stays of it where it is pruned meanwhile.
    init(of run: RunReader, in directory: StateDirectory, verifier: AuditVerifier) throws {
        do {
            self = try ListedRun(run, in: directory, verifier: verifier)
        } catch let error as JournalError {
            guard let tombstone = try directory.tombstone(of: run.id) else { throw error }
            self = ListedRun(tombstone)
        }
    }

    private init(_ reader: RunReader, in directory: StateDirectory, verifier: AuditVerifier) throws {
        let header = try reader.header().content
        run = reader.id.description
        module = reader.id.module
        started = header?.started
        who = header?.who.summary
        state = try RunStatus.state(of: reader, in: directory).state
        counts = try reader.outcome().content?.counts
        let report = try verifier.verify(reader)
        isIntact = report.isIntact
        signedUpTo = try reader.newestSignature() ?? 0
        isSigned = signedUpTo > 0 && signedUpTo >= report.lines - 1
        tombstone = nil
        finding = report.findings.first?.description
        let opening = report.lines > 0 ? try reader.records().next()?.entry().content : nil
        if case .runStart(let opened) = opening {
            (ticket, reason) = (opened.ticket, opened.reason)
        } else {
            (ticket, reason) = (nil, nil)
        }
    }

    var line: String {
        if let tombstone {
            return "\(run)  module \(module)  \(state)  \(tombstone.summary)".visibleOnOneLine
        }
        let applied = counts?["applied"].map { "\($0) applied" }
        let verdict = isIntact == true ? "intact" : "NOT INTACT: \(finding ?? "")"
        let facts = [
            run, started?.formatted(.iso8601), "module \(module)", who, state, applied, ticket, reason, signed, verdict,
        ]
        return facts.compactMap { $0?.visibleOnOneLine }.joined(separator: "  ")
    }

    private var signed: String {
        if isSigned == true { return "signed" }
        return signedUpTo > 0 ? "signed up to record \(signedUpTo)" : "unsigned"
    }
}

extension RunReader {
    /// The number of the last record that has a signature file; the verifier checks that it was
    /// announced.
    fileprivate func newestSignature() throws -> Int? {
        let folder = "\(path)/signatures"
        guard FileManager.default.fileExists(atPath: folder) else { return nil }
        let ending = ".json.sig"
        return try FileManager.default.contentsOfDirectory(atPath: folder)
            .compactMap { $0.hasSuffix(ending) ? Int($0.dropLast(ending.count)) : nil }.max()
    }
}
