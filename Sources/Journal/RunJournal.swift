import ClientKit
import Foundation
import Glibc

/// Writes what a run does, in an order that holds through a crash at any point.
///
/// Nothing is changed outside before a record of it is on the disk, and a step is finished only
/// once its checkpoint is. Where a record cannot be made durable the call throws, and the caller
/// must not go on. All file calls happen on the journal's own queue, apart from the output of
/// commands, which is written where it is received.
public actor RunJournal {
    /// The run.
    public nonisolated let id: RunID
    /// The run's directory.
    public nonisolated let path: String
    /// Replaces known secrets in everything written here; secrets that are made during the run are
    /// added to it.
    public nonisolated let redactor: Redactor

    private let executor: SerialQueueExecutor
    /// The journal's own queue.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// What was found and recorded when the run began or was resumed; the operator is told.
    public nonisolated let warnings: [String]

    /// The state directory that the run is in.
    public nonisolated let state: StateDirectory
    let disk: Disk
    let heads: HeadList
    let recorders = Locked<[UUID: ActivityRecorder]>([:])
    var log: AuditLog
    var transcripts: [String: Transcript] = [:]
    var currentStep: String?
    var commands = 0
    var isFinished = false
    var signer: (any HeadSigner)?
    private let started = ContinuousClock.now

    init(
        id: RunID, state: StateDirectory, log: AuditLog, redactor: Redactor, executor: SerialQueueExecutor,
        warnings: [String]
    ) {
        self.id = id
        path = state.reader(id).path
        self.state = state
        disk = state.disk
        heads = HeadList(state.path, state.disk)
        self.warnings = warnings
        self.log = log
        self.redactor = redactor
        self.executor = executor
    }

    /// Where the audit log stands, for the Lease's annotation and for signatures.
    public var head: AuditHead { log.head }

    /// The same, once the disk has all records up to there.
    public func durableHead() throws(JournalError) -> AuditHead {
        try sync()
        return log.head
    }

    /// How many times this process forced something to the disk.
    public nonisolated var syncCount: Int { disk.syncCount }

    /// How long the disk took at most to take one of its files.
    public nonisolated var longestSync: Duration { disk.longestSync }

    /// The files of the run, for reading.
    public nonisolated var reader: RunReader { RunReader(id: id, path: path) }

    /// Appends a record, without the secrets that the redactor knows.
    ///
    /// A record that is not `durable` reaches the disk with the next one that is; that is enough
    /// for what only reads.
    ///
    /// - Parameters:
    ///   - content: What it tells.
    ///   - step: The step; without it the one that was begun last.
    ///   - durable: Whether to return only when it is on the disk.
    /// - Returns: Where the log stands after it.
    @discardableResult
    public func record(
        _ content: AuditContent, step: String? = nil, durable: Bool = false
    ) throws(JournalError) -> AuditHead {
        try write(content, step: step ?? currentStep, durable: durable)
    }

    /// Appends a record of `step`, or of none.
    @discardableResult
    func write(_ content: AuditContent, step: String?, durable: Bool) throws(JournalError) -> AuditHead {
        try append(blank(content.redacted(by: redactor), step: step), durable: durable)
    }

    /// An entry whose content the caller has redacted; the log fills in number and chain.
    func blank(_ content: AuditContent, step: String?) -> AuditEntry {
        AuditEntry(sequence: 0, time: Date(), elapsed: elapsed, run: id, step: step, content: content, previous: "")
    }

    /// Milliseconds since this process opened the run.
    var elapsed: Int { Int((ContinuousClock.now - started) / .milliseconds(1)) }

    @discardableResult
    func append(_ entry: AuditEntry, durable: Bool) throws(JournalError) -> AuditHead {
        guard !isFinished else {
            throw .defect("append to the audit log of", path, "the run has ended")
        }
        try log.append(entry)
        if durable { try sync() }
        return log.head
    }

    /// Makes all records durable, and before them the transcripts whose digests they carry.
    func sync() throws(JournalError) {
        try orEndTheRecord { () throws(JournalError) in
            // In one order, so that a failure of the n-th call can be repeated.
            for (_, transcript) in transcripts.sorted(by: { $0.key < $1.key }) { try transcript.sync() }
        }
        try log.sync()
    }

    /// Does `work`; where that fails, the record takes no more lines.
    func orEndTheRecord(_ work: () throws(JournalError) -> Void) throws(JournalError) {
        do throws(JournalError) {
            try work()
        } catch {
            log.fail(with: error)
            throw error
        }
    }

    /// Ends the run: outcome.json is written, the last record announces it and every transcript,
    /// and it gets its name; then the head is signed.
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
    ) async throws(JournalError) -> RunOutcome {
        try failpoint("outcome.decide")
        currentStep = nil
        let own = ["records": log.appended + 1, "commands": commands, "syncs": disk.syncCount]
        let counts = counts.merging(own) { _, own in own }
        let outcome = RunOutcome(
            format: 2, run: id, result: result, exitCode: exitCode, error: error.map(redactor.redact), step: step,
            ended: Date(), counts: counts, audit: log.head)
        // The names of the last checkpoint and of the last evidence, which nothing later has made durable: nobody goes on with the run.
        try usingReserve { () throws(JournalError) in try disk.syncDirectory("\(path)/checkpoints") }
        for step in try Disk.names(in: "\(path)/evidence") {
            try usingReserve { () throws(JournalError) in try disk.syncDirectory("\(path)/evidence/\(step)") }
        }
        let bytes = try SealedJSON.file(outcome)
        let ending = RunEnding(result: result, exitCode: exitCode, error: outcome.error, counts: counts)
        let entry = blank(.runEnd(ending), step: step)
        try usingReserve { () throws(JournalError) in
            try keep(bytes, as: "outcome.json", announcedBy: entry, with: transcripts.values.map(\.announcement))
        }
        isFinished = true
        try failpoint("outcome.written")
        try disk.syncDirectory(path)
        try await signHead(step: nil)
        try usingReserve { () throws(JournalError) in try heads.append(id, log.head) }
        try failpoint("outcome.witnessed")
        try log.close()
        transcripts = [:]
        return outcome
    }

    /// Tries again when the disk was full: the first failure released the reserve, and what is
    /// written here is the record of a failure.
    func usingReserve<T>(_ write: () throws(JournalError) -> T) throws(JournalError) -> T {
        do throws(JournalError) {
            return try write()
        } catch  where error.isDiskFull {
            return try write()
        }
    }
}
