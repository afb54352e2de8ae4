import Crypto
import Glibc

/// Brings the log of a run that was cut off to its last whole line.
enum LogRecovery {
    /// Opens the log for appending. What a crash cannot have done is refused and left as it is.
    static func run(
        _ run: RunReader, _ disk: Disk
    ) throws(JournalError) -> (log: AuditLog, tornTail: RunJournal.TornTail?) {
        let path = "\(run.path)/audit.jsonl"
        let bytes = try Disk.read(path) ?? []
        let genesis = SHA256.hash(data: try Disk.read("\(run.path)/run.json") ?? []).hex
        let scan = AuditScan(bytes)
        let (_, head, broken) = scan.chain(genesis: genesis)
        if let broken { throw corrupt(path, broken.line, broken.cause) }
        if let defect = scan.defect, defect.isFollowedByWholeLines { throw corrupt(path, defect.line, defect.cause) }
        for anchor in try AuditAnchor.own(of: run) where !anchor.holds(in: scan, genesis: genesis) {
            throw corrupt(
                path, scan.lines.count + 1, "\(anchor.source) knows a record \(anchor.head.sequence) that is not in the log")
        }
        var tornTail: RunJournal.TornTail?
        if let defect = scan.defect {
            let file = Disk.freeName("\(run.path)/audit.torn-")
            try disk.writeWhole(Array(bytes[defect.offset...]), to: file, once: true)
            let log = try Descriptor(path, O_WRONLY)
            try log.truncate(to: defect.offset)
            try disk.sync(log)
            tornTail = RunJournal.TornTail(
                line: defect.line, bytes: bytes.count - defect.offset, file: Disk.split(file).name)
        }
        let length = scan.defect?.offset ?? bytes.count
        return (try AuditLog(path: path, disk: disk, length: length, head: head), tornTail)
    }

    private static func corrupt(_ path: String, _ line: Int, _ cause: String) -> JournalError {
        .badState(
            "append to", path, "line \(line) is corrupt: \(cause)",
            remedy: "keep the run's directory for the auditor (`runner audit verify`) and begin a new run", line: line)
    }
}
