import ClientKit
import Glibc

/// Brings the log of a run that was cut off to its last whole line.
enum LogRecovery {
    /// Opens the log for appending; what a crash cannot have done is refused and left as it is.
    static func run(
        _ run: RunReader, _ disk: Disk
    ) throws(JournalError) -> (log: AuditLog, tornTail: RunJournal.TornTail?) {
        let path = "\(run.path)/audit.jsonl"
        let bytes = try Disk.read(path) ?? []
        let genesis = SHA256.hash(data: try Disk.read("\(run.path)/run.json") ?? []).hex
        let scan = AuditScan(bytes)
        let (_, head, broken) = scan.chain(genesis: genesis)
        if let broken, broken.line == 0 {
            throw .badState(
                "go on with", "\(run.path)/run.json", "the audit log's first line carries another digest of it",
                remedy: "keep the run's directory for the auditor and begin a new run")
        }
        if let broken { throw corrupt(path, broken.line, broken.cause) }
        if let defect = scan.defect, defect.isFollowedByWholeLines { throw corrupt(path, defect.line, defect.cause) }
        for anchor in try AuditAnchor.own(of: run) where anchor.place(in: scan, genesis: genesis) == nil {
            let line = min(anchor.sequence ?? Int.max, scan.lines.count + 1)
            throw corrupt(path, line, "\(anchor.source) knows another record there")
        }
        var tornTail: RunJournal.TornTail?
        if let defect = scan.defect {
            let file = Disk.freeName("\(run.path)/audit.torn-")
            let torn = Array(bytes[defect.offset...])
            try disk.writeWhole(torn, to: file)
            let log = try Descriptor(path, O_WRONLY)
            try log.truncate(to: defect.offset)
            try disk.sync(log)
            tornTail = RunJournal.TornTail(
                line: defect.line, bytes: torn.count, file: Disk.split(file).name,
                sha256: SHA256.hash(data: torn).hex)
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
