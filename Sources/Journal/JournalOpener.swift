import ClientKit
import Dispatch
import Foundation
import Glibc

/// Opens journals on the queue the journal will have.
actor JournalOpener {
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
        _ description: RunDescription, holding lock: ModuleLock, within limit: TimeLimit
    ) async throws(JournalError) -> RunJournal {
        // Runs of other modules are named and chained to their predecessors here too, one at a time.
        let naming = try Descriptor("\(state.path)/runs.lock", O_RDWR | O_CREAT)
        guard try naming.lock(within: limit.duration) else {
            throw JournalError(
                attempt: "create a run in \(state.path)",
                cause: Task.isCancelled
                    ? "it was cancelled while another run was being created"
                    : "another run is being created there, for longer than \(limit.inWords)",
                remedy: "find the process that has \(naming.path) open (`fuser \(naming.path)`); it may be stopped, "
                    + "or its disk may hang",
                kind: .busy, path: naming.path)
        }
        try failpoint("runs.locked")
        // Listed once, since there may be thousands. What is set aside below has no run.json, and is not the newest.
        let names = try state.names()
        let newest = try state.newestRun(among: names)
        let id = try newID(module: description.module, after: newest)
        try lock.assign(to: id, origin: description.origin)
        let asides = try state.setAside(module: id.module, among: names)
        // The new run carries where the log of the one before stands, so that removing that run shows.
        let predecessor = try newest.map { run throws(JournalError) in try RunHeader.Predecessor(run, in: state) }
        if let newest { try settleLog(of: newest) }
        var files = description.plan.map { [(RunReader.planFile, $0)] } ?? []
        if let inventory = description.inventory {
            files.append((RunReader.inventoryFile, redactor.redact(cut: inventory)))
        }
        let announced = files.isEmpty ? nil : files.map { FileRecord($0.0, $0.1) }
        // As late as it can be: another thread reads the whole program meanwhile, which takes longer than all of the above.
        let program = try program(description.runnerVersion, description.arguments)
        let header = RunHeader(
            format: 2, run: id, module: description.module, started: Date(), who: description.origin,
            runner: program,
            inventory: .init(path: redactor.redact(description.inventoryPath), sha256: description.inventoryDigest),
            steps: description.steps, plan: description.plan.map { SHA256.hash(data: $0).hex },
            options: description.options.isEmpty ? nil : description.options, files: announced,
            previous: predecessor, retention: try RetentionList.facts(of: state))
        try failpoint("run.described")
        let bytes = try SealedJSON.file(header)
        let path = try makeDirectory(id, bytes, files)
        try failpoint("run.named")
        try naming.unlock()
        try naming.close()
        let genesis = AuditHead(sequence: 0, hash: SHA256.hash(data: bytes).hex)
        let log = try AuditLog(path: "\(path)/audit.jsonl", disk: disk, length: 0, head: genesis)
        try disk.syncDirectory(path)
        try failpoint("run.log-opened")
        let damage = predecessor?.damage.map { "\(predecessor?.warning ?? ""): \($0.problem)" }
        let journal = RunJournal(
            id: id, state: state, log: log, redactor: redactor, executor: executor,
            warnings: [damage].compactMap(\.self) + asides.map(\.text))
        try await journal.recordOpening(
            .runStart(
                RunOpening(
                    who: description.origin, why: description.why, clock: .current(), plan: header.plan)),
            files: announced)
        if let damage { try await journal.recordDamage(damage) }
        for aside in asides { try await journal.record(aside) }
        return journal
    }

    /// Makes durable what run.json is about to say of the run before: a killed process may have left the end of its log
    /// unsynced, also where an earlier one has left an outcome; and a log that a power cut then shortens would seem to have
    /// been cut by somebody.
    private func settleLog(of run: RunReader) throws(JournalError) {
        guard let log = try Descriptor.ifPresent("\(run.path)/audit.jsonl", O_RDONLY) else { return }
        try disk.syncData(log)
    }

    /// Makes the run's directory under another name, so that one with the run's name always has its
    /// run.json.
    private func makeDirectory(
        _ id: RunID, _ header: [UInt8], _ files: [(name: String, bytes: [UInt8])]
    ) throws(JournalError) -> String {
        let (nursery, path) = (state.nursery(id), state.reader(id).path)
        try failpoint("run.directory")
        guard try disk.makeDirectory(nursery) else { throw .system("create", nursery, EEXIST) }
        for name in ["checkpoints", "steps", "evidence"] { try disk.makeDirectory("\(nursery)/\(name)") }
        for (name, bytes) in files { try disk.writeWhole(bytes, to: "\(nursery)/\(name)", syncsFolder: false) }
        try failpoint("run.header")
        // Syncs the directory too, and with it the names made above.
        try disk.writeWhole(header, to: "\(nursery)/run.json")
        try failpoint("run.naming")
        try disk.setAside(nursery, as: path)
        return path
    }

    func reopen(
        _ run: RunReader, by process: RunProcess
    ) async throws(JournalError) -> RunJournal.Reopened {
        guard let header = try run.header().content else {
            throw .badState(
                "resume", "\(run.path)/run.json", "it is missing or was edited",
                remedy: "start a new run with `runner run \(run.id.module) --new`")
        }
        // Before anything is repaired or appended: whatever a later version wrote is not ours to go on with.
        _ = try (run.outcome(), run.earlierOutcomes(), run.checkpoints())
        let program = try program(process.runnerVersion, process.arguments)
        let known = try HeadList.heads(of: run.id, in: state.path)
        try failpoint("resume.recover")
        // Everything else was durable before a record announced it.
        try disk.settle(run.path) { path in
            path == "audit.jsonl" || path.hasPrefix("steps/") || RunTree.isTemporary(path)
        }
        let recovered = try LogRecovery(run: run, disk: disk)
            .repair(knownHeads: known.map { AuditAnchor($0, source: HeadList.name) })
        let log = try AuditLog(
            path: "\(run.path)/audit.jsonl", disk: disk, length: recovered.length, head: recovered.head)
        // Cut off before its first record, the run may have no log yet, whose name is synced with nothing else.
        if recovered.length == 0 { try disk.syncDirectory(run.path) }
        // Cut off before the list had the first record for certain: it must know that before there is a second one.
        if recovered.head.sequence <= 1 {
            let list = HeadList(state.path, disk)
            if known.isEmpty { try list.append(run.id, recovered.head) } else { try list.sync() }
        }
        try failpoint("resume.recovered")
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
            id: run.id, state: state, log: log, redactor: redactor, executor: executor,
            warnings: recovered.findings.map(\.description))
        if let torn = recovered.tornTail { try await journal.record(torn) }
        let inventory = RunHeader.InventoryFile(
            path: redactor.redact(process.inventoryPath), sha256: process.inventoryDigest)
        try await journal.goOn(
            RunOpening(
                who: process.origin, why: process.why, clock: .current(), runner: program, inventory: inventory),
            leftovers: recovered.leftovers)
        for finding in recovered.findings { try await journal.recordDamage(finding.description) }
        for (step, why) in damaged.sorted(by: { $0.key < $1.key }) {
            try await journal.withdrawCheckpoint(of: step, because: why)
        }
        try failpoint("resume.reopened")
        return RunJournal.Reopened(
            journal: journal, header: header, program: program, tornTail: recovered.tornTail?.tail, finished: finished,
            damaged: damaged, unknown: recovered.unknown)
    }

    private func newID(module: String, after newest: RunReader?) throws(JournalError) -> RunID {
        if let id = RunID(module: module, time: Date(), after: newest?.id) { return id }
        guard RunID.isModule(module), let newest else {
            throw .defect("name a run of", "module \(module)", "that is not a valid module name")
        }
        throw .badState(
            "name a run after", newest.path, "no id is later than that one: it was made by a clock that was wrong",
            remedy: "keep \(state.path) for the auditor, and choose another directory with --state-dir")
    }

    /// This program, as it was called.
    private func program(_ version: String, _ arguments: [String]) throws(JournalError) -> RunHeader.Program {
        RunHeader.Program(
            version: version, sha256: try Self.ownDigest.get(), arguments: arguments.map(redactor.redact))
    }

    /// SHA-256 of this program, which stays the same for as long as the process lives.
    fileprivate static let ownDigest = Result { () throws(JournalError) in
        guard let digest = try FileFacts(following: "/proc/self/exe")?.sha256 else {
            throw .system("open", "/proc/self/exe", ENOENT)
        }
        return digest
    }
}

extension RunJournal {
    /// Begins to compute the digest of this program, which run.json has, on another thread: that takes as long as all
    /// else that comes before a run's first record.
    public static func readOwnProgram() { DispatchQueue.global().async { _ = JournalOpener.ownDigest } }
}

extension RunJournal {
    fileprivate func recordOpening(
        _ content: AuditContent, files: [FileRecord]? = nil
    ) throws(JournalError) {
        var entry = blank(content.redacted(by: redactor), step: nil)
        entry.files = files
        try append(entry, durable: true)
        try failpoint("opening.recorded")
        try heads.append(id, log.head)
        try failpoint("opening.witnessed")
    }

    /// The first record of a later process; then the outcome of the one before gets another name.
    fileprivate func goOn(_ opening: RunOpening, leftovers: [FileRecord]) throws(JournalError) {
        var files = leftovers
        if let outcome = try Disk.read("\(path)/outcome.json") {
            let number = try reader.earlierOutcomes().count + 1
            files.append(FileRecord(RunReader.earlierOutcome(number), outcome, was: "outcome.json"))
        }
        try recordOpening(.runResume(opening), files: files.isEmpty ? nil : files)
        for file in files {
            guard let was = file.was else { continue }
            try failpoint("outcome.set-aside")
            try disk.setAside("\(path)/\(was)", as: "\(path)/\(file.path)")
        }
    }

    fileprivate func record(_ torn: LogRecovery.Torn) throws(JournalError) {
        let tail = torn.tail
        let text = "line \(tail.line) was cut off; its \(tail.bytes) bytes are in \(tail.file)"
        var entry = blank(.tornTail(TornLine(text: text, line: tail.line)), step: nil)
        entry.files = [torn.record]
        try append(entry, durable: true)
        try failpoint("torn.recorded")
        try disk.commit(torn.staged)
    }

    fileprivate func recordDamage(_ text: String) throws(JournalError) {
        try write(.damage(text), step: nil, durable: true)
    }

    fileprivate func record(_ aside: SetAsideDirectory) throws(JournalError) {
        try write(.setAside(aside), step: nil, durable: true)
    }
}
