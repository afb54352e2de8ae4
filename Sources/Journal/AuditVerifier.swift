import Crypto

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
        var findings: [AuditFinding] = []
        let headerBytes = try Disk.read("\(run.path)/run.json")
        let genesis = SHA256.hash(data: headerBytes ?? []).hex
        let log = try Disk.read("\(run.path)/audit.jsonl")
        let scan = AuditScan(log ?? [])
        let (entries, head, broken) = scan.chain(genesis: genesis)
        let headerFindings = try judgeHeader(run, genesis, scan)
        findings += headerFindings
        if log == nil {
            findings.append(AuditFinding("audit.jsonl", "it is missing"))
        } else if let broken, headerFindings.isEmpty || broken.line > 1 {
            findings.append(finding(for: broken))
        } else if let defect = scan.defect {
            findings.append(AuditFinding("audit.jsonl", line: defect.line, defect.cause))
        }
        let isChained = broken == nil && scan.defect == nil
        let all = try AuditAnchor.own(of: run) + successors(of: run) + anchors
        if isChained { findings += judge(all, scan, genesis) }
        findings += try judgeOutcomes(run)
        if isChained {
            findings += try FileJudge(run: run, entries: entries).findings()
        }
        let anchored = all.filter { $0.holds(in: scan, genesis: genesis) }.map(\.head.sequence).max() ?? 0
        return AuditReport(
            run: run.id, lines: entries.count, head: head, findings: findings, anchoredUpTo: anchored)
    }

    private func finding(for broken: ChainBreak) -> AuditFinding {
        if case .link(let expected, let found) = broken.problem {
            return AuditFinding(
                "audit.jsonl", line: broken.line, broken.cause, expected: expected, found: found)
        }
        return AuditFinding("audit.jsonl", line: broken.line, broken.cause)
    }

    /// run.json is vouched for by the first line of the log; where that line is bad itself, by its own seal.
    private func judgeHeader(
        _ run: RunReader, _ genesis: String, _ scan: AuditScan
    ) throws(JournalError) -> [AuditFinding] {
        let header: RunHeader
        switch try run.header() {
        case .missing: return [AuditFinding("run.json", "it is missing")]
        case .damaged(let why): return [AuditFinding("run.json", why)]
        case .whole(let content): header = content
        }
        if header.run != run.id {
            return [AuditFinding("run.json", "it belongs to another run", expected: "\(run.id)", found: "\(header.run)")]
        }
        var findings: [AuditFinding] = []
        if let expected = scan.firstPrevious, expected != genesis {
            findings.append(
                AuditFinding(
                    "run.json", "its digest is not the one in the first line of the log", expected: expected,
                    found: genesis))
        }
        if let previous = header.previous {
            guard let before = state.run(previous.run) else {
                return findings + [AuditFinding("run.json", "the run before, \(previous.run), was removed")]
            }
            let bytes = try Disk.read("\(before.path)/run.json") ?? []
            let anchor = AuditAnchor(previous.audit, source: "run.json")
            let log = AuditScan(try Disk.read("\(before.path)/audit.jsonl") ?? [])
            if !anchor.holds(in: log, genesis: SHA256.hash(data: bytes).hex) {
                findings.append(
                    AuditFinding(
                        "run.json", "the log of the run before, \(previous.run), does not hold record "
                            + "\(previous.audit.sequence) as it was when this run began"))
            }
        }
        return findings
    }

    private func judge(_ anchors: [AuditAnchor], _ scan: AuditScan, _ genesis: String) -> [AuditFinding] {
        var findings: [AuditFinding] = []
        for anchor in anchors {
            let sequence = anchor.head.sequence
            if !anchor.holds(in: scan, genesis: genesis) {
                let isCut = sequence > scan.lines.count
                let found = isCut || sequence < 1 ? nil : scan.lines[sequence - 1].hash
                findings.append(
                    AuditFinding(
                        "audit.jsonl", line: min(max(sequence, 1), scan.lines.count + 1),
                        isCut
                            ? "the log was cut: \(anchor.source) knows its record \(sequence)"
                            : "it is not the record that \(anchor.source) knows",
                        expected: anchor.head.hash, found: found))
            } else if anchor.isLast, sequence < scan.lines.count {
                findings.append(
                    AuditFinding(
                        "audit.jsonl", line: sequence + 1, "it was added after the run's last record, as \(anchor.source) knows it"))
            }
        }
        return findings.sorted { ($0.line ?? 0) < ($1.line ?? 0) }
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

extension AuditScan {
    /// What the first line says about run.json, where that line is whole.
    fileprivate var firstPrevious: String? {
        guard let first = lines.first else { return nil }
        do { return try SealedJSON.decode(AuditEntry.self, from: first.bytes).previous } catch { return nil }
    }
}
