import ClientKit
import Foundation
public import Journal
public import StepKit

/// Runs, resumes and plans a module: order, checkpoints, locks and events.
public struct ModuleRunner: Sendable {
    let module: Module
    let inventory: Inventory
    let redactor: Redactor
    let provider: any SiteProvider
    let version: String
    let interruption: @Sendable () -> Interruption
    let events: @Sendable (EngineEvent) -> Void
    let clock: LeaseClock
    let lockWait: Duration
    let signer: (any HeadSigner)?
    let syslog: Syslog?

    /// Puts a runner together.
    ///
    /// - Parameters:
    ///   - module: What is run.
    ///   - inventory: Where; its digest ties a resumed run to it.
    ///   - redactor: Knows the secrets that must not get into any file.
    ///   - provider: Makes the connections.
    ///   - version: The version of `runner`, for the record.
    ///   - interruption: Why a run was cancelled, asked once it is.
    ///   - events: Told everything, in order, from any thread, and without secrets.
    ///   - lockWait: How long to wait while another run has the module.
    ///   - clock: What the lease's term and the waiting for the module are measured on.
    ///   - signer: Signs the audit log's head at the end of each step and run; nil for none.
    ///   - syslog: The local log that also gets heads; nil for none.
    public init(
        module: Module, inventory: Inventory, redactor: Redactor, provider: any SiteProvider,
        version: String, interruption: @escaping @Sendable () -> Interruption,
        events: @escaping @Sendable (EngineEvent) -> Void, lockWait: Duration = .zero,
        clock: LeaseClock = .continuous, signer: (any HeadSigner)? = nil, syslog: Syslog? = nil
    ) {
        self.syslog = syslog
        self.module = module
        self.inventory = inventory
        self.redactor = redactor
        self.provider = provider
        self.version = version
        self.interruption = interruption
        self.events = { events($0.redacted(by: redactor)) }
        self.lockWait = lockWait
        self.clock = clock
        self.signer = signer.map { [events = self.events] in ReportingSigner($0, events: events) }
    }

    var moduleName: String { String(module.number) }

    /// Runs the selected steps from the first on.
    ///
    /// Throws only where no run began (a name that is no step's, a state directory that cannot be
    /// written, another run on this machine); what ends a run is in the summary.
    ///
    /// With a `plan` the run carries out that and nothing else, all of the module's steps; a plan of
    /// another module, inventory or list of steps is refused with an error of kind `badInput`. Beside
    /// a run that was cut off or interrupted, nothing begins unless `isNew` says so.
    public func run(
        _ selection: StepSelection, plan: ModulePlan.File? = nil,
        options: RunOptions = RunOptions(), isNew: Bool = false, why: RunReason = RunReason(),
        in state: StateDirectory
    ) async throws -> RunSummary {
        let steps = try selection.steps(of: module, options: options)
        try plan?.content.require(for: module, inventory: inventory, version: version)
        let wait = LockWait(lockWait, on: clock, events: events)
        return try await holding(acquireLock(in: state, wait)) { lock in
            try failpoint("run.decide")
            if !isNew { try await requireNoUnfinishedRun(in: state) }
            let description = RunDescription(
                module: moduleName, steps: steps.map(\.id.rawValue),
                options: options.record + selection.record,
                runnerVersion: version, inventoryPath: inventory.path,
                inventoryDigest: inventory.digest, inventory: inventory.bytes, why: why, plan: plan?.bytes)
            let journal = try await created(description, in: state, holding: lock)
            if let signer { await journal.sign(with: signer) }
            for text in journal.warnings { events(.warning(text)) }
            try failpoint("run.created")
            let execution = Execution(
                runner: self, journal: journal, steps: steps, options: options, finished: [], earlier: nil,
                lockWait: wait,
                planGuard: plan.map { PlanGuard($0.content, redactor: redactor) },
                notes: Notes(journal: journal, events: events),
                witnesses: Witnesses(journal: journal, syslog: syslog, events: events),
                term: LeaseTerm(module: module.number, clock: clock))
            return await execution.run()
        }
    }

    private func created(
        _ description: RunDescription, in state: StateDirectory, holding lock: ModuleLock
    ) async throws -> RunJournal {
        do throws(JournalError) {
            return try await RunJournal.create(
                description, in: state, holding: lock, redactor: redactor, within: inventory.limits.lock)
        } catch {
            // It was waiting for another run that is being created.
            if error.kind == .busy, Task.isCancelled { throw CancellationError() }
            throw error
        }
    }

    /// Goes on with `id`, or with the newest unfinished run of the module; `nil` where there is none.
    public func resume(
        _ id: RunID?, why: RunReason = RunReason(), in state: StateDirectory
    ) async throws -> RunSummary? {
        let wait = LockWait(lockWait, on: clock, events: events)
        return try await holding(acquireLock(in: state, wait)) { lock in
            try failpoint("resume.decide")
            guard let run = try await unfinishedRun(id, in: state) else { return nil }
            try failpoint("resume.chosen")
            let (steps, changes) = try await steps(of: run)
            try await requireNoLaterWork(than: run, in: state)
            let plan = try await plan(of: run)
            try await runBlocking { try lock.assign(to: run.id) }
            let reopened = try await RunJournal.reopen(
                run, in: state,
                by: RunProcess(
                    runnerVersion: version, inventoryPath: inventory.path, inventoryDigest: inventory.digest,
                    why: why),
                redactor: redactor)
            try failpoint("resume.begun")
            warn(of: reopened)
            let earlier = EarlierWork(try await runBlocking { try run.entries() }, of: run.id)
            for text in changes + programChanges(since: reopened, and: earlier.lastProgram) {
                events(.warning(text))
                try await reopened.journal.record(.warning(text))
            }
            let journal = reopened.journal
            if let signer { await journal.sign(with: signer) }
            let planGuard = plan.map { PlanGuard($0, begun: earlier.begun, redactor: redactor) }
            let execution = Execution(
                runner: self, journal: journal, steps: steps,
                options: RunOptions(recorded: reopened.header.options ?? []),
                finished: Set(reopened.finished.keys.map { StepID($0) }), earlier: earlier, lockWait: wait,
                planGuard: planGuard,
                notes: Notes(journal: journal, earlier: earlier.notes, events: events),
                witnesses: Witnesses(journal: journal, syslog: syslog, events: events),
                term: LeaseTerm(module: module.number, clock: clock))
            return await execution.run()
        }
    }

    private func acquireLock(in state: StateDirectory, _ wait: LockWait) async throws -> ModuleLock {
        try await wait.retrying(every: .milliseconds(200)) { [moduleName] in
            try await runBlocking { try ModuleLock.acquire(module: moduleName, in: state) }
        }
    }

    /// Does `work`, and then releases the lock.
    ///
    /// A lock file that cannot be written either, as on a full disk, is told only where nothing else went
    /// wrong: it is the error that the operator has to deal with.
    private func holding<Value>(
        _ lock: ModuleLock, _ work: (ModuleLock) async throws -> Value
    ) async throws -> Value {
        let result: Result<Value, any Error>
        do { result = .success(try await work(lock)) } catch { result = .failure(error) }
        do {
            try lock.release()
        } catch {
            if case .success = result {
                events(
                    .warning(
                        "the lock file could not be released; the kernel releases it when this process "
                            + "ends: \(error)"))
            }
        }
        return try result.get()
    }
}
