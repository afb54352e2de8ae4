import ClientKit
import Foundation
import Glibc

extension RunJournal {
    /// Makes the directory of a new run, with run.json and the first record on the disk when it returns.
    ///
    /// `lock` is that of the run's module, and is assigned to the new run. The run's id is later than
    /// that of every other run in `state`, so that the order of ids is the order of runs.
    public static func create(
        _ description: RunDescription, in state: StateDirectory, holding lock: ModuleLock,
        redactor: Redactor
    ) async throws(JournalError) -> RunJournal {
        let opener = Opener(state: state, redactor: redactor)
        return try await opener.create(description, holding: lock)
    }

    /// Goes on with a run that a crash, a signal or a failure ended.
    ///
    /// What a crash may leave is repaired, anything else refused. The caller holds the module's lock.
    public static func reopen(
        _ run: RunReader, in state: StateDirectory, redactor: Redactor, origin: Origin = .current()
    ) async throws(JournalError) -> Reopened {
        let opener = Opener(state: state, redactor: redactor)
        return try await opener.reopen(run, origin)
    }

    /// What ``reopen(_:in:redactor:origin:)`` found.
    public struct Reopened: Sendable {
        /// The journal, ready to append.
        public let journal: RunJournal
        /// What the run was made with.
        public let header: RunHeader
        /// The pieces of records that a crash left at the log's end, where any were: set aside, to be told.
        public let tornTail: TornTail?
        /// The steps whose checkpoints are whole.
        public let finished: [String: Checkpoint]
        /// Why other checkpoints do not count, by step: set aside, to be told.
        public let damaged: [String: String]
        /// Commands that were sent and whose results are not recorded: their outcome is unknown.
        public let unknown: [RecordedCommand]
    }

    /// The end of an audit log that a crash cut off.
    public struct TornTail: Sendable, Hashable {
        /// The number of the line that is not whole.
        public let line: Int
        /// How many bytes were set aside.
        public let bytes: Int
        /// The file that keeps them.
        public let file: String
        /// SHA-256 of them.
        public let sha256: String
    }
}

/// Opens journals on the queue the journal will have.
private actor Opener {
    private let executor = SerialQueueExecutor(label: "keybuzz.journal")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private let state: StateDirectory
    private let redactor: Redactor
    private var disk: Disk { state.disk }

    init(state: StateDirectory, redactor: Redactor) {
        self.state = state
        self.redactor = redactor
    }

    func create(
        _ description: RunDescription, holding lock: ModuleLock
    ) async throws(JournalError) -> RunJournal {
        // Runs of other modules are named and chained to their predecessors here too, one at a time.
        let naming = try Descriptor("\(state.path)/runs.lock", O_RDWR | O_CREAT)
        try naming.lock(within: .seconds(20))
        let id = try newID(module: description.module)
        try lock.assign(to: id, origin: description.origin)
        try removeStillborn(module: id.module)
        let predecessor = try predecessor()
        let path = "\(state.path)/runs/\(id)"
        guard try disk.makeDirectory(path) else { throw .system("create", path, EEXIST) }
        for name in ["checkpoints", "steps", "evidence"] { try disk.makeDirectory("\(path)/\(name)") }
        let header = RunHeader(
            format: 1, run: id, module: description.module, started: Date(), who: description.origin,
            runner: .init(
                version: description.runnerVersion, sha256: try Self.executableDigest(),
                arguments: description.arguments.map(redactor.redact)),
            inventory: .init(path: description.inventoryPath, sha256: description.inventoryDigest),
            steps: description.steps, plan: description.plan.map { SHA256.hash(data: $0).hex },
            options: description.options.isEmpty ? nil : description.options, previous: predecessor)
        let bytes = try SealedJSON.file(header)
        let genesis = AuditHead(sequence: 0, hash: SHA256.hash(data: bytes).hex)
        let log = try AuditLog(path: "\(path)/audit.jsonl", disk: disk, length: 0, head: genesis)
        if let plan = description.plan { try disk.writeWhole(plan, to: "\(path)/\(RunReader.planFile)") }
        // Syncs the directory too, and with it the names made above.
        try disk.writeWhole(bytes, to: "\(path)/run.json")
        try disk.syncDirectory("\(state.path)/runs")
        try naming.close()
        let journal = RunJournal(
            id: id, path: path, disk: disk, log: log, redactor: redactor, executor: executor)
        try await journal.recordOpening(.runStart, description.origin, plan: header.plan)
        return journal
    }

    func reopen(_ run: RunReader, _ origin: Origin) async throws(JournalError) -> RunJournal.Reopened {
        guard let header = try run.header().content else {
            throw .badState(
                "resume", "\(run.path)/run.json", "it is missing or was edited",
                remedy: "start a new run with `runner run \(run.id.module)`")
        }
        let recovered = try LogRecovery.run(run, disk)
        // A checkpoint whose name a killed process had not yet made durable is about to be relied upon.
        try disk.syncDirectory("\(run.path)/checkpoints")
        var damaged: [String: String] = [:]
        var finished: [String: Checkpoint] = [:]
        for (step, file) in try run.checkpoints() {
            switch file {
            case .whole(let checkpoint): finished[step] = checkpoint
            case .damaged(let why): damaged[step] = why
            case .missing: break
            }
        }
        let journal = RunJournal(
            id: run.id, path: run.path, disk: disk, log: recovered.log, redactor: redactor, executor: executor)
        if let torn = recovered.tornTail { try await journal.record(torn) }
        try await journal.recordOpening(.runResume, origin)
        for (step, why) in damaged.sorted(by: { $0.key < $1.key }) {
            try await journal.withdrawCheckpoint(of: step, because: why)
        }
        let outcome = "\(run.path)/outcome.json"
        if access(outcome, F_OK) == 0 {
            let number = try run.earlierOutcomes().count + 1
            try disk.setAside(outcome, as: "\(run.path)/\(RunReader.earlierOutcome(number))")
        }
        return RunJournal.Reopened(
            journal: journal, header: header, tornTail: recovered.tornTail, finished: finished, damaged: damaged,
            unknown: try run.commands().filter { $0.end == nil })
    }

    /// An id for a run that begins now, later than all runs so far.
    private func newID(module: String) throws(JournalError) -> RunID {
        guard let id = RunID(module: module, time: Date(), after: try state.runs().first?.id) else {
            throw .defect("name a run of", "module \(module)", "that is not a valid module name")
        }
        return id
    }

    /// Removes what a crash left of runs of the module before their first record: nothing was done in them.
    private func removeStillborn(module: String) throws(JournalError) {
        for run in try state.runs() where run.id.module == module {
            guard case .missing = try run.header(), try Disk.read("\(run.path)/audit.jsonl")?.isEmpty ?? true else {
                continue
            }
            do {
                try FileManager.default.removeItem(atPath: run.path)
            } catch {
                throw .unusable(run.path, "what is left of it cannot be removed: \(error)", remedy: "remove it")
            }
        }
    }

    /// The newest run there is, and where its log stands: the new run carries it, so that removing that run shows.
    private func predecessor() throws(JournalError) -> RunHeader.Predecessor? {
        guard let newest = try state.runs().first else { return nil }
        return RunHeader.Predecessor(run: newest.id, audit: try newest.head())
    }

    private static func executableDigest() throws(JournalError) -> String {
        let file = try Descriptor("/proc/self/exe", O_RDONLY)
        var hash = SHA256()
        while case let piece = try file.read(upTo: 1 << 20), !piece.isEmpty { hash.update(data: piece) }
        return hash.finalize().hex
    }
}

extension RunJournal {
    fileprivate func recordOpening(
        _ kind: AuditKind, _ origin: Origin, plan: String? = nil
    ) throws(JournalError) {
        var entry = blank(kind, step: nil)
        entry.who = origin
        entry.details = plan.map { ["plan": $0] }
        try append(entry, durable: true)
    }

    fileprivate func record(_ torn: TornTail) throws(JournalError) {
        try write(
            .tornTail, step: nil, text: "line \(torn.line) was cut off; its \(torn.bytes) bytes are in \(torn.file)",
            facts: ["line": "\(torn.line)", "bytes": "\(torn.bytes)", "file": torn.file, "sha256": torn.sha256],
            durable: false)
    }
}
