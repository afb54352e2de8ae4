import ClientKit

/// Proves that nobody edited the record of a run; opens nothing for writing.
///
/// Found are: any changed byte of the log, by line; lines removed, moved, repeated or inserted; a log cut at its end, as far as
/// something outside it knows better; edited, removed or forged checkpoints, outcome, run.json, evidence and transcripts;
/// the removal of a whole run before this one.
///
/// What knows better than the log: outcome.json once the run has ended, each checkpoint, the next run's run.json, and
/// the anchors the caller gives. The lines of an unfinished run after its newest checkpoint have no such witness. And whoever
/// can write the state directory can forge all of its files together: only an anchor kept elsewhere shows that, such as the head
/// on the Lease, or a signature over it.
public struct AuditVerifier: Sendable {
    private let state: StateDirectory

    /// Verifies runs of `state`.
    public init(_ state: StateDirectory) {
        self.state = state
    }

    /// Verifies one run.
    ///
    /// - Parameters:
    ///   - run: From ``StateDirectory/runs()``.
    ///   - anchors: Heads that are known from elsewhere.
    public func verify(_ run: RunReader, anchors: [AuditAnchor] = []) throws(JournalError) -> AuditReport {
        let genesis = SHA256.hash(data: try Disk.read("\(run.path)/run.json") ?? []).hex
        let log = try Disk.read("\(run.path)/audit.jsonl")
        let scan = AuditScan(log ?? [])
        let (entries, head, broken) = scan.chain(genesis: genesis, last: try run.outcome().content?.audit)
        let all = try AuditAnchor.own(of: run) + successors(of: run) + anchors
        var findings: [AuditFinding] = []
        if log == nil {
            findings.append(AuditFinding("audit.jsonl", "it is missing"))
        } else if let broken {
            findings.append(finding(for: broken))
        } else if let defect = scan.defect {
            findings.append(AuditFinding("audit.jsonl", line: defect.line, defect.cause))
        } else {
            findings += judge(all, scan, genesis)
        }
        findings += try judgeHeader(run)
        findings += try judgePlan(run)
        findings += try judgeOutcomes(run)
        if broken == nil, scan.defect == nil {
            findings += try FileJudge(run: run, entries: entries).findings()
        }
        let anchored = all.compactMap { $0.place(in: scan, genesis: genesis) }.max() ?? 0
        return AuditReport(
            run: run.id, lines: entries.count, head: head, findings: findings, anchoredUpTo: anchored)
    }

    private func finding(for broken: ChainBreak) -> AuditFinding {
        guard case .link(let expected, let found) = broken.problem else {
            return AuditFinding("audit.jsonl", line: broken.line, broken.cause)
        }
        if broken.line == 0 {
            return AuditFinding(
                "run.json", "its digest is not the one in the first line of the log", expected: expected, found: found)
        }
        return AuditFinding("audit.jsonl", line: broken.line, broken.cause, expected: expected, found: found)
    }

    private func judgeHeader(_ run: RunReader) throws(JournalError) -> [AuditFinding] {
        let header: RunHeader
        switch try run.header() {
        case .missing: return [AuditFinding("run.json", "it is missing")]
        case .damaged(let why): return [AuditFinding("run.json", why)]
        case .whole(let content): header = content
        }
        if header.run != run.id {
            return [AuditFinding("run.json", "it is another run's", expected: "\(run.id)", found: "\(header.run)")]
        }
        guard let previous = header.previous else { return [] }
        guard let before = state.run(previous.run) else {
            return [AuditFinding("run.json", "the run before it, \(previous.run), was removed")]
        }
        let genesis = SHA256.hash(data: try Disk.read("\(before.path)/run.json") ?? []).hex
        let log = AuditScan(try Disk.read("\(before.path)/audit.jsonl") ?? [])
        let anchor = AuditAnchor(previous.audit, source: "run.json")
        if anchor.place(in: log, genesis: genesis) != nil { return [] }
        let problem = "the log of the run before it, \(previous.run), does not hold the record that was its last then"
        return [AuditFinding("run.json", problem, expected: "\(previous.audit)")]
    }

    private func judgePlan(_ run: RunReader) throws(JournalError) -> [AuditFinding] {
        guard let expected = try run.header().content?.plan else { return [] }
        let found = try Disk.read("\(run.path)/\(RunReader.planFile)").map { SHA256.hash(data: $0).hex }
        if found == expected { return [] }
        let problem = found == nil ? "it was removed" : "it was edited"
        return [AuditFinding(RunReader.planFile, problem, expected: expected, found: found)]
    }

    private func judge(_ anchors: [AuditAnchor], _ scan: AuditScan, _ genesis: String) -> [AuditFinding] {
        var findings: [AuditFinding] = []
        for anchor in anchors {
            guard let place = anchor.place(in: scan, genesis: genesis) else {
                findings.append(missing(anchor, scan))
                continue
            }
            if anchor.isLast, place < scan.lines.count {
                let problem = "it was added after the last record that \(anchor.source) knows"
                findings.append(AuditFinding("audit.jsonl", line: place + 1, problem))
            }
        }
        return findings.sorted { ($0.line ?? 0) < ($1.line ?? 0) }
    }

    private func missing(_ anchor: AuditAnchor, _ scan: AuditScan) -> AuditFinding {
        guard let sequence = anchor.sequence else {
            return AuditFinding("audit.jsonl", "no line has the digest of \(anchor.source)", expected: anchor.hash)
        }
        if sequence > scan.lines.count {
            let problem = "the log was cut: \(anchor.source) knows its record \(sequence)"
            return AuditFinding("audit.jsonl", line: scan.lines.count + 1, problem, expected: anchor.hash)
        }
        return AuditFinding(
            "audit.jsonl", line: max(sequence, 1), "it is not the record that \(anchor.source) knows",
            expected: anchor.hash, found: sequence < 1 ? nil : scan.lines[sequence - 1].hash)
    }

    private func judgeOutcomes(_ run: RunReader) throws(JournalError) -> [AuditFinding] {
        var findings: [AuditFinding] = []
        if case .damaged(let why) = try run.outcome() { findings.append(AuditFinding("outcome.json", why)) }
        for (index, outcome) in try run.earlierOutcomes().enumerated() {
            guard case .damaged(let why) = outcome else { continue }
            findings.append(AuditFinding(RunReader.earlierOutcome(index + 1), why))
        }
        return findings
    }

    /// What the runs that began later know about this one.
    private func successors(of run: RunReader) throws(JournalError) -> [AuditAnchor] {
        var anchors: [AuditAnchor] = []
        for later in try state.runs() where later.id > run.id {
            guard let previous = try later.header().content?.previous, previous.run == run.id else { continue }
            anchors.append(AuditAnchor(previous.audit, source: "run.json of run \(later.id)"))
        }
        return anchors
    }
}
