import ClientKit

/// Proves that nobody edited the record of a run; opens nothing for writing.
///
/// Found are: any changed byte of the log, by line; lines removed, moved, repeated or inserted; a
/// log cut at its end, as far as something outside it knows better; any edited, removed or foreign
/// file of the run; the removal of a whole run, but for one that was pruned and left its tombstone.
///
/// What knows better than the log: the state directory's list of heads, outcome.json once the run
/// has ended, each checkpoint, the next run's run.json, and the anchors the caller gives. The lines
/// of an unfinished run after its newest checkpoint have no such witness. And whoever can write the
/// state directory can forge all of its files together, and can remove the newest run along with
/// its lines in the list: only an anchor kept elsewhere shows that, such as the head on the Lease,
/// or a signature over it.
public struct AuditVerifier: Sendable {
    private let state: StateDirectory
    var witnesses: StateWitnesses
    /// What was under way before anything was read.
    private let activity: StateActivity

    /// Verifies runs of `state`; reads what all of its runs know of each other, once.
    public init(_ state: StateDirectory) throws(JournalError) {
        self.state = state
        activity = try StateActivity(in: state)
        witnesses = try StateWitnesses(of: state)
    }

    /// What `work` reports, again where that is not clean and others wrote meanwhile.
    ///
    /// It has read parts of different times then. An edit is still there the next time; the others leave other traces.
    private func settled<Report>(
        _ findings: (Report) -> [AuditFinding], _ work: (AuditVerifier) throws(JournalError) -> Report
    ) throws(JournalError) -> Report {
        var verifier = self
        var earlier: [AuditFinding]?
        for _ in 1...Self.attempts {
            do throws(JournalError) {
                let report = try work(verifier)
                let found = findings(report)
                if found.isEmpty || found == earlier { return report }
                if try verifier.hadQuiet() { return report }
                earlier = found
            } catch {
                guard error.code != nil else { throw error }
                if try verifier.hadQuiet() { throw error }
                earlier = nil
            }
            verifier = try AuditVerifier(state)
        }
        throw .changing(state, attempts: Self.attempts, found: earlier?.first)
    }

    private static let attempts = 5

    /// Whether nobody wrote since the verifier began to read.
    private func hadQuiet() throws(JournalError) -> Bool {
        let now = try StateActivity(in: state)
        return !now.isUnderWay && now == activity
    }

    /// Verifies one run.
    ///
    /// - Parameters:
    ///   - run: From ``StateDirectory/runs()``.
    ///   - anchors: Heads that are known from elsewhere.
    ///   - judge: Who knows whose signatures count; without one no signature is judged.
    public func verify(
        _ run: RunReader, anchors: [AuditAnchor] = [], signatures judge: (any SignatureJudge)? = nil
    ) throws(JournalError) -> AuditReport {
        try settled(\.findings) { verifier throws(JournalError) in
            // What is left of it, while and after its files are removed, says nothing about it.
            if try state.run(run.id) == nil, verifier.witnesses.tombstones.byRun[run.id] != nil { throw .pruned(run) }
            var report = try verifier.verifyOnce(run, anchors, signatures: judge)
            report.findings += verifier.witnesses.ofAllRuns
            report.findings += verifier.witnesses.judgeTombstone(before: run.id, judge)
            return report
        }
    }

    private func verifyOnce(
        _ run: RunReader, _ anchors: [AuditAnchor], signatures judge: (any SignatureJudge)?
    ) throws(JournalError) -> AuditReport {
        do throws(JournalError) {
            return try compare(run, anchors, signatures: judge)
        } catch {
            guard error.format != nil || error.isForeign, error.path.hasPrefix("\(run.path)/") else { throw error }
            let file = String(error.path.dropFirst(run.path.count + 1))
            return AuditReport(
                run: run.id, lines: 0, head: AuditHead(sequence: 0, hash: ""), hasEnded: false,
                findings: [AuditFinding(file, line: error.line, error.cause)], notes: [], anchoredUpTo: 0,
                authenticity: nil, setAside: [])
        }
    }

    private func compare(
        _ run: RunReader, _ anchors: [AuditAnchor], signatures judge: (any SignatureJudge)?
    ) throws(JournalError) -> AuditReport {
        let all = try AuditAnchor.own(of: run) + witnesses.anchors(of: run.id) + anchors
        let chain = try AuditChain(run, known: all)
        var check = AnchorCheck(all, genesis: chain.genesis)
        var ledger = FileLedger(run)
        var signatures = try judge.map { judge throws(JournalError) in try SignatureCheck(run, judge) }
        var asides: [SetAsideDirectory] = []
        var findings: [AuditFinding] = []
        var notes: [String] = []
        do throws(ChainFailure) {
            while let record = try chain.step() {
                check.read(record)
                signatures?.read(record)
                do throws(JournalError) {
                    try ledger.read(record)
                    switch record.kind {
                    case .setAside:
                        if case .setAside(let directory) = try record.entry().content { asides.append(directory) }
                    case .damage:
                        let text = record.content.text("text") ?? "something is damaged"
                        notes.append("record \(record.number) says: \(text)")
                    default: break
                    }
                } catch {
                    throw .system(error)
                }
            }
            if chain.isMissing, !witnesses.neverBegan(run) {
                findings.append(AuditFinding("audit.jsonl", "it is missing", isGap: true))
            }
            findings += check.findings()
            do throws(JournalError) {
                let judgement = try ledger.judge()
                findings += try judgeHeader(run) + judgement.findings
                notes += judgement.notes
            } catch {
                throw .system(error)
            }
        } catch {
            switch error {
            case .system(let error): throw error
            case .defect(let defect): findings += try [defect.finding] + judgeHeader(run)
            }
        }
        findings += try witnesses.findings(on: run, records: chain.head.sequence)
        return AuditReport(
            run: run.id, lines: chain.head.sequence, head: chain.head, hasEnded: ledger.hasEnded, findings: findings,
            notes: notes, anchoredUpTo: check.anchoredUpTo, authenticity: signatures?.result(), setAside: asides)
    }

    /// Verifies all runs, newest first, and the state directory itself.
    ///
    /// - Parameters:
    ///   - heads: What witnesses outside this machine's disk know.
    ///   - judge: Who knows whose signatures count.
    public func verifyAll(
        against heads: [WitnessedHead] = [], signatures judge: (any SignatureJudge)? = nil
    ) throws(JournalError) -> StateReport {
        try settled(\.allFindings) { verifier throws(JournalError) in
            try verifier.verifyAllOnce(against: heads, signatures: judge)
        }
    }

    private func verifyAllOnce(
        against heads: [WitnessedHead], signatures judge: (any SignatureJudge)?
    ) throws(JournalError) -> StateReport {
        let anchors = Dictionary(grouping: heads, by: \.run).mapValues { $0.map(\.anchor) }
        let reports = try state.runs().filter { witnesses.hasBegun($0.id) }
            .map { run throws(JournalError) in
                try verifyOnce(run, anchors[run.id] ?? [], signatures: judge)
            }
        let pruned = witnesses.tombstones.byRun.values.map(\.content).sorted { $0.run > $1.run }
        let asides =
            reports.flatMap { report in report.setAside.map { (report.run, $0) } }
            + pruned.flatMap { tombstone in (tombstone.setAside ?? []).map { (tombstone.run, $0) } }
        var (findings, notes) = try witnesses.judge(setAside: asides)
        if let judge { findings += witnesses.tombstones.judge(judge) }
        findings += pruned.flatMap { tombstone in (anchors[tombstone.run] ?? []).compactMap(tombstone.finding) }
        for report in reports {
            guard let early = witnesses.tombstones.early[report.run], early.head != report.head else { continue }
            findings.append(
                AuditFinding(
                    Tombstone.name(of: report.run), "the run is there, and it ends with another record",
                    expected: "\(report.head)", found: "\(early.head)"))
        }
        let gone = try state.judge(heads.filter { witnesses.tombstones.byRun[$0.run] == nil })
        return StateReport(runs: reports, pruned: pruned, findings: findings + gone.findings, notes: notes + gone.notes)
    }

    private func judgeHeader(_ run: RunReader) throws(JournalError) -> [AuditFinding] {
        guard try RunTree.isFolder(run.path) else {
            return [AuditFinding("run.json", "the run's directory is elsewhere: a symbolic link has its name")]
        }
        let header: RunHeader
        switch try run.header() {
        case .missing: return [AuditFinding("run.json", "it is missing", isGap: true)]
        case .damaged(let why): return [AuditFinding("run.json", why)]
        case .whole(let content): header = content
        }
        if header.run != run.id {
            return [AuditFinding("run.json", "it is another run's", expected: "\(run.id)", found: "\(header.run)")]
        }
        guard let previous = header.previous else { return [] }
        guard let before = try state.run(previous.run) else {
            if let signed = witnesses.tombstones.byRun[previous.run] {
                let anchor = AuditAnchor(previous.audit, source: "run.json of run \(run.id)")
                return [signed.content.finding(anchor)].compactMap(\.self)
            }
            let problem = "the run before it, \(previous.run), was removed"
            return [AuditFinding("run.json", problem, isGap: true)]
        }
        do throws(JournalError) {
            return try judge(previous, before)
        } catch {
            guard error.isForeign else { throw error }
            let file = "runs/\(before.id)/\(Disk.split(error.path).name)"
            return [AuditFinding("run.json", "\(file) of the run before it cannot be read: \(error.cause)")]
        }
    }

    /// Whether the run before still is as this one saw it.
    private func judge(_ previous: RunHeader.Predecessor, _ before: RunReader) throws(JournalError) -> [AuditFinding] {
        var findings: [AuditFinding] = []
        if try !before.chainHolds(previous.audit) {
            let problem = "the log of the run before it, \(before.id), does not hold the record that was its last then"
            findings.append(AuditFinding("run.json", problem, expected: "\(previous.audit)"))
        }
        if let damage = previous.damage, !damage.mayGrow {
            let found = try FileFacts(of: "\(before.path)/audit.jsonl")
            if found != FileFacts(bytes: damage.bytes, sha256: damage.sha256) {
                let problem =
                    "the log of the run before it, \(before.id), was already damaged then, and has changed since"
                findings.append(
                    AuditFinding("run.json", problem, expected: damage.sha256, found: found?.sha256))
            }
        }
        return findings
    }
}
