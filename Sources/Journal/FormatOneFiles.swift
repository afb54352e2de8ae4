import ClientKit

/// What records of format 1 say about files: digests of checkpoints and evidence, of the output of
/// commands, and what outcomes hold.
///
/// They were written before the file, so that a run that was cut off in that very moment has
/// announced one that is not there.
struct FormatOneFiles {
    private let run: RunReader
    /// Records that a cut-off run may have written without the file that they announce.
    private var excused: Set<Int> = []
    private var last: (record: Int, kind: AuditKind)?
    private var withdrawals: [String: Int] = [:]
    private var checkpoints: [String: FileRecord] = [:]
    /// What the records say that end a process's part of the run, by number.
    private var ends: [Int: (step: String?, ending: RunEnding)] = [:]
    private var commands: [String: [CommandEnd]] = [:]

    init(_ run: RunReader) {
        self.run = run
    }

    /// A later version goes on with the run.
    mutating func goesOn(with kind: AuditKind) {
        let isCut = kind == .runResume || kind == .tornTail
        if let last, isCut, last.kind != .tornTail { excused.insert(last.record) }
        last = nil
    }

    /// Takes a record, and gives the files that it announces.
    mutating func read(_ record: AuditRecord) throws(JournalError) -> [FileRecord] {
        goesOn(with: record.kind)
        last = (record.number, record.kind)
        switch record.kind {
        case .checkpoint, .checkpointWithdrawn, .evidence, .tornTail: return try announced(by: record)
        case .commandEnd:
            let entry = try record.entry()
            if case .commandEnd(let end) = entry.content, end.transcriptFailure == nil {
                commands["steps/\(entry.step ?? RunReader.outside).log", default: []].append(end)
            }
        case .runEnd:
            let entry = try record.entry()
            if case .runEnd(let ending) = entry.content { ends[record.number] = (entry.step, ending) }
        case .runStart:
            guard case .runStart(let opening) = try record.entry().content, let plan = opening.plan else { break }
            return [FileRecord(path: RunReader.planFile, bytes: -1, sha256: plan)]
        default: break
        }
        return []
    }

    private mutating func announced(by record: AuditRecord) throws(JournalError) -> [FileRecord] {
        let facts = try record.earlierFields().details
        let digest = facts?["sha256"] ?? ""
        let isCheckpoint = record.kind == .checkpoint || record.kind == .checkpointWithdrawn
        guard isCheckpoint, let step = record.content.text("step") else {
            return facts?["file"].map { [FileRecord(path: $0, bytes: -1, sha256: digest)] } ?? []
        }
        let path = "checkpoints/\(step).json"
        if record.kind == .checkpoint {
            let file = FileRecord(path: path, bytes: -1, sha256: digest)
            checkpoints[step] = file
            return [file]
        }
        withdrawals[step, default: 0] += 1
        let aside = "\(path).withdrawn-\(withdrawals[step, default: 0])"
        return checkpoints[step].map { [FileRecord(path: aside, bytes: -1, sha256: $0.sha256, was: path)] } ?? []
    }

    func mayBeMissing(_ file: FileRecord, _ record: Int) -> Bool {
        file.bytes < 0 && (excused.contains(record) || last?.record == record)
    }

    /// Judges outcomes and transcripts; gives the paths of the outcomes.
    func judge(_ tree: RunTree, _ judgement: inout FileLedger.Judgement) throws(JournalError) -> Set<String> {
        if ends.isEmpty, commands.isEmpty { return [] }
        var findings: [AuditFinding] = []
        var missing = ends
        var known: Set<String> = []
        for path in tree.files.sorted() where path.hasPrefix("outcome.") && path.hasSuffix(".json") {
            guard case .whole(let outcome) = try run.stored(RunOutcome.self, path), outcome.format == 1 else {
                continue
            }
            known.insert(path)
            let record = missing.removeValue(forKey: outcome.audit.sequence)
            if record.map({ !outcome.fits($0.ending, of: $0.step) }) ?? true {
                findings.append(AuditFinding(path, "it does not say what the log's last record says"))
            }
        }
        for number in missing.keys.sorted() {
            let problem = "it was removed, or never written: record \(number) ends the run"
            findings.append(AuditFinding("outcome.json", problem))
        }
        for (path, commands) in commands.sorted(by: { $0.key < $1.key }) {
            findings += try judge(path, commands)
        }
        judgement.findings += findings
        return known
    }

    /// The output of each command, put together from the transcript, has the digest its end record
    /// carries.
    private func judge(_ path: String, _ commands: [CommandEnd]) throws(JournalError) -> [AuditFinding] {
        var findings: [AuditFinding] = []
        let found = try TranscriptDigests(path: "\(run.path)/\(path)").byCommand
        for end in commands {
            let digests = found[end.start] ?? (nil, nil)
            for (name, expected, actual) in [
                ("standard output", end.stdout, digests.stdout), ("standard error", end.stderr, digests.stderr),
            ] where expected != actual {
                let problem = "the \(name) of command \(end.start) is not what came back then"
                findings.append(
                    AuditFinding(path, problem, expected: expected?.sha256 ?? "nothing", found: actual?.sha256))
            }
        }
        return findings
    }
}

extension RunOutcome {
    /// Whether the record that ended the run says the same; format 1 did not announce outcomes by
    /// their digests.
    fileprivate func fits(_ ending: RunEnding, of step: String?) -> Bool {
        ending == RunEnding(result: result, exitCode: exitCode, error: error, counts: counts) && self.step == step
    }
}
