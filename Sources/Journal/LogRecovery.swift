import ClientKit
import Glibc

/// Brings the record of a run that was cut off to the state from which it can go on; what a crash
/// cannot have done is refused.
struct LogRecovery {
    let run: RunReader
    let disk: Disk

    /// What was found.
    struct Result {
        /// How many bytes of the log count, and where it stands.
        let length: Int
        let head: AuditHead
        let tornTail: Torn?
        /// What the log announces and the directory does not hold as announced, or the other way
        /// round.
        let findings: [AuditFinding]
        /// What the crash left: transcripts beyond what the log announces, files that were never
        /// announced.
        let leftovers: [FileRecord]
        let unknown: [RecordedCommand]
    }

    /// The end of the log that a crash cut off, on the disk under a temporary name.
    struct Torn {
        let tail: RunJournal.TornTail
        let record: FileRecord
        let staged: Disk.Staged
    }

    /// Cuts off and sets aside what a crash left; what a crash cannot have done is refused and left
    /// as it is.
    func repair(knownHeads: [AuditAnchor]) throws(JournalError) -> Result {
        let path = "\(run.path)/audit.jsonl"
        let chain = try AuditChain(run, attempt: "append to")
        var check = AnchorCheck(try AuditAnchor.own(of: run) + knownHeads, genesis: chain.genesis)
        var ledger = FileLedger(run)
        var commands = OpenCommands()
        var defect: AuditDefect?
        do throws(ChainFailure) {
            while let record = try chain.step() {
                check.read(record)
                do throws(JournalError) {
                    try ledger.read(record)
                    try commands.read(record)
                } catch {
                    throw .system(error)
                }
            }
        } catch {
            switch error {
            case .system(let error): throw error
            case .defect(let found) where found.isCrash: defect = found
            case .defect(let found): throw refusal(found.error("append to", run))
            }
        }
        if let finding = check.findings().first {
            throw .badState(
                "append to", path, "\(finding)", remedy: remedy, line: finding.line)
        }
        let judgement = try ledger.judge()
        for (file, temporary) in judgement.unfinished {
            try failpoint("file.finish")
            try disk.setAside("\(run.path)/\(temporary)", as: "\(run.path)/\(file.path)")
        }
        let torn = try defect.map { found throws(JournalError) in try setAside(found, path) }
        var leftovers: [FileRecord] = []
        for path in judgement.leftovers + judgement.unannounced + judgement.doubts.map(\.file) {
            leftovers.append(try FileRecord(of: run, path))
        }
        return Result(
            length: defect?.offset ?? chain.offset, head: chain.head, tornTail: torn, findings: judgement.findings,
            leftovers: leftovers, unknown: commands.all)
    }

    private func setAside(_ defect: AuditDefect, _ path: String) throws(JournalError) -> Torn {
        guard let log = try Descriptor.ifPresent(path, O_RDWR) else { throw .system("open", path, ENOENT) }
        try log.seek(to: defect.offset)
        var torn: [UInt8] = []
        while case let piece = try log.read(upTo: 1 << 18), !piece.isEmpty { torn += piece }
        let file = try Disk.freeName("\(run.path)/audit.torn-")
        let record = FileRecord(Disk.split(file).name, torn)
        let staged = try disk.stage(torn, for: file)
        try failpoint("torn.staged")
        try log.truncate(to: defect.offset)
        try failpoint("torn.cut")
        try disk.sync(log)
        let tail = RunJournal.TornTail(
            line: defect.line, bytes: torn.count, file: record.path, sha256: record.sha256)
        return Torn(tail: tail, record: record, staged: staged)
    }

    private var remedy: String {
        "keep \(run.path) for the auditor (`runner audit verify \(run.id)`) and start a new run with `runner run \(run.id.module) --new`"
    }

    private func refusal(_ error: JournalError) -> JournalError {
        if error.format != nil { return error }
        return .badState("go on with", error.path, error.cause, remedy: remedy, line: error.line)
    }
}

/// The commands whose results are not recorded.
private struct OpenCommands {
    private var open: [Int: RecordedCommand] = [:]

    mutating func read(_ record: AuditRecord) throws(JournalError) {
        guard record.kind == .commandStart || record.kind == .commandEnd else { return }
        let entry = try record.entry()
        if case .commandStart(let start) = entry.content {
            open[record.number] = RecordedCommand(
                sequence: record.number, time: entry.time, step: entry.step, start: start, end: nil)
        } else if case .commandEnd(let end) = entry.content {
            open[end.start] = nil
        }
    }

    var all: [RecordedCommand] { open.values.sorted { $0.sequence < $1.sequence } }
}

extension FileRecord {
    /// What a file of the run is now; empty where a power cut spared its record and not its name.
    fileprivate init(of run: RunReader, _ path: String) throws(JournalError) {
        let facts = try FileFacts(of: "\(run.path)/\(path)") ?? FileFacts(bytes: 0, sha256: SHA256.hash(data: []).hex)
        self.init(path: path, bytes: facts.bytes, sha256: facts.sha256)
    }
}
