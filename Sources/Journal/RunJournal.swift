import ClientKit
import Crypto
import Foundation
import Glibc
import Synchronization

/// Writes what a run does, in an order that holds through a crash at any point.
///
/// Nothing is changed outside before a record of it is on the disk, and a step is finished only once its checkpoint is. Where
/// a record cannot be made durable the call throws, and the caller must not go on. All file calls happen on the
/// journal's own queue, apart from the output of commands, which is written where it is received.
public actor RunJournal {
    /// The run.
    public nonisolated let id: RunID
    /// The run's directory.
    public nonisolated let path: String
    /// Replaces known secrets in everything written here; secrets that are made during the run are added to it.
    public nonisolated let redactor: Redactor

    private let executor: SerialQueueExecutor
    /// The journal's own queue.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    let disk: Disk
    let recorders = Mutex<[UUID: ActivityRecorder]>([:])
    var log: AuditLog
    var transcripts: [String: Transcript] = [:]
    var currentStep: String?
    var commands = 0
    private var isFinished = false
    private let started = ContinuousClock.now

    init(
        id: RunID, path: String, disk: Disk, log: AuditLog, redactor: Redactor, executor: SerialQueueExecutor
    ) {
        self.id = id
        self.path = path
        self.disk = disk
        self.log = log
        self.redactor = redactor
        self.executor = executor
    }

    /// Where the audit log stands, for the Lease's annotation and for signatures.
    public var head: AuditHead { log.head }

    /// How many times this process forced something to the disk.
    public nonisolated var syncCount: Int { disk.syncCount }

    /// The files of the run, for reading.
    public nonisolated var reader: RunReader { RunReader(id: id, path: path) }

    /// Appends a record.
    ///
    /// A record that is not `durable` reaches the disk with the next one that is; that is enough for what only reads.
    ///
    /// - Parameters:
    ///   - kind: What it tells of.
    ///   - step: The step; without it the one that was begun last.
    ///   - text: A sentence for people; redacted like all texts here.
    ///   - result: How it went, in one or two words.
    ///   - changes: What is different or was changed, in words.
    ///   - details: Further facts by name.
    ///   - durable: Whether to return only when it is on the disk.
    /// - Returns: Where the log stands after it.
    @discardableResult
    public func record(
        _ kind: AuditKind, step: String? = nil, text: String? = nil, result: String? = nil, changes: [String]? = nil,
        details: [String: String]? = nil, durable: Bool = false
    ) throws(JournalError) -> AuditHead {
        var entry = blank(kind, step: step ?? currentStep)
        entry.text = text.map(redactor.redact)
        entry.result = result.map(redactor.redact)
        entry.changes = changes.map { $0.map(redactor.redact) }
        entry.details = details.map { $0.mapValues(redactor.redact) }
        return try append(entry, durable: durable)
    }

    /// An entry without content; the log fills in number and chain.
    func blank(_ kind: AuditKind, step: String?) -> AuditEntry {
        let elapsed = (ContinuousClock.now - started) / .milliseconds(1)
        return AuditEntry(
            sequence: 0, time: Date(), elapsed: Int(elapsed), run: id, kind: kind, step: step, previous: "")
    }

    @discardableResult
    func append(_ entry: AuditEntry, durable: Bool) throws(JournalError) -> AuditHead {
        guard !isFinished else {
            throw .badState("append to the audit log of", path, "the run has ended", remedy: "report this")
        }
        try log.append(entry)
        if durable { try sync() }
        return log.head
    }

    /// Makes all records durable, and before them the transcripts whose digests they carry.
    func sync() throws(JournalError) {
        for transcript in transcripts.values { try transcript.sync() }
        try log.sync()
    }

    /// Ends the run: the last record, then outcome.json with the place of that record.
    ///
    /// - Parameters:
    ///   - result: How it ended.
    ///   - exitCode: The exit status of `runner`.
    ///   - error: The error as the operator sees it.
    ///   - step: The step that failed or was interrupted.
    ///   - counts: How many of what, by the caller's names.
    @discardableResult
    public func finish(
        _ result: RunResult, exitCode: Int32, error: String? = nil, step: String? = nil, counts: [String: Int] = [:]
    ) throws(JournalError) -> RunOutcome {
        currentStep = nil
        let head = try record(
            .runEnd, step: step, text: error, result: result.rawValue, details: ["exit_code": "\(exitCode)"],
            durable: true)
        isFinished = true
        let own = ["records": log.appended, "commands": commands, "syncs": disk.syncCount + 2]
        let outcome = RunOutcome(
            format: 1, run: id, result: result, exitCode: exitCode, error: error.map(redactor.redact), step: step,
            ended: Date(), counts: counts.merging(own) { _, own in own }, audit: head)
        try disk.writeWhole(SealedJSON.file(outcome), to: "\(path)/outcome.json", once: true)
        try log.close()
        transcripts = [:]
        return outcome
    }
}
