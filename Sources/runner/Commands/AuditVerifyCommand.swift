import ArgumentParser
import ClientKit
import Journal

/// `runner audit verify`.
struct AuditVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract:
            "Prove that no record or file was edited, removed, moved or truncated, or show where one was.",
        discussion: """
            Without a run, verifies all of them and the state directory itself. This cannot detect \
            everything: someone who can write the whole state directory can also rewrite it, or \
            remove the newest run with its lines in heads.jsonl. Heads stored elsewhere show both: \
            those that the masters and the Lease received during the runs (--against-cluster), or \
            one that was noted (--expect-head). Signatures show who ran what is there \
            (--allowed-signers), but not that a whole run was removed.
            """)

    @Argument(help: "The run (default: all runs).") var run: String?
    @Flag(name: .long, help: "All runs and the state directory itself, as without a run.") var all = false
    @Option(
        name: .long,
        help: "A head noted elsewhere that the run's log must contain, as NUMBER:HASH or HASH.")
    var expectHead: String?
    @OptionGroup var signatureOptions: SignatureOptions
    @Flag(
        name: .long,
        help: """
            Compare with the heads stored on the masters and in the Lease; needs the inventory, and \
            changes nothing.
            """)
    var againstCluster = false
    @OptionGroup var inventoryOptions: InventoryOptions
    @OptionGroup var stateOptions: StateOptions
    @OptionGroup var formatOptions: FormatOptions

    func validate() throws {
        if all, run != nil { throw ValidationError("--all takes no run") }
        guard let expectHead else { return }
        if run == nil { throw ValidationError("--expect-head requires a run") }
        if AuditAnchor(expecting: expectHead) == nil {
            throw ValidationError("--expect-head takes NUMBER:HASH or HASH, the hash in 64 hexadecimal digits")
        }
    }

    func run() async throws {
        let report = try await reporting {
            let state = try await stateOptions.existing
            let judge = try await signatureOptions.judge
            let reader = if run != nil { try await stateOptions.run(run) } else { RunReader?.none }
            let cluster =
                if againstCluster {
                    try await ClusterHeads(inventoryOptions.load(), passphrase: Passphrase.ask)
                } else { ClusterHeads?.none }
            let (heads, notes) = (cluster?.heads ?? [], cluster?.notes ?? [])
            let expected = expectHead.flatMap(AuditAnchor.init(expecting:))
            return try await runBlocking {
                let verifier = try AuditVerifier(state)
                guard let reader else {
                    return try verifier.verifyAll(against: heads, signatures: judge).with(notes: notes)
                }
                let anchors = heads.filter { $0.run == reader.id }.map(\.anchor)
                let report = try verifier.verify(
                    reader, anchors: anchors + [expected].compactMap(\.self), signatures: judge)
                return StateReport(runs: [report], findings: [], notes: notes)
            }
        }
        try formatOptions.print(report) { report.summary }
        if !report.holds { throw ExitCode(65) }
    }
}

extension StateReport {
    /// The same report with more notes.
    fileprivate func with(notes more: [String]) -> StateReport {
        StateReport(runs: runs, pruned: pruned, findings: findings, notes: notes + more)
    }

    fileprivate var summary: String {
        let directory = findings.map { "NOT INTACT: \($0.line)" } + notes.map(\.visibleOnOneLine)
        let runs = runs.isEmpty ? ["no runs"] : runs.map(\.summary)
        let pruned = pruned.map { "\($0.run): \($0.summary)".visibleOnOneLine }
        return (runs + pruned + directory).joined(separator: "\n")
    }
}

extension AuditReport {
    fileprivate var summary: String {
        let notes = (notes + (authenticity?.notes ?? [])).map { "\n  note: \($0.visibleOnOneLine)" }.joined()
        let all = findings + (authenticity?.findings ?? [])
        return "\(run): \(verdicts)" + all.map { "\n  \($0.line)" }.joined() + notes
    }

    /// Whether it is intact, complete and authentic, and up to which line.
    var verdicts: String {
        let verdicts = [integrity, completeness, authenticity?.verdict].compactMap(\.self).joined(separator: ", ")
        let limit = anchoredUpTo < lines ? ", vouched for up to line \(anchoredUpTo)" : ""
        return verdicts + (isIntact ? ", \(lines) records, head \(head)\(limit)" : "")
    }

    /// Whether anything was edited.
    private var integrity: String { findings.contains { !$0.isGap } ? "NOT INTACT" : "intact" }

    /// Whether anything is missing; a run that has no end is never called complete.
    private var completeness: String {
        findings.contains(where: \.isGap) ? "INCOMPLETE" : hasEnded ? "complete" : "unfinished"
    }
}

extension Authenticity {
    /// Who signed the log.
    fileprivate var verdict: String {
        let by = signers.isEmpty ? "" : " by \(signers.joined(separator: " and "))"
        if holds { return "authentic\(by)" }
        return signedUpTo > 0 ? "NOT AUTHENTIC, signed up to line \(signedUpTo)\(by)" : "NOT AUTHENTIC"
    }
}

extension AuditFinding {
    /// On one line, so that no file name can look like a verdict.
    fileprivate var line: String { description.visibleOnOneLine }
}
