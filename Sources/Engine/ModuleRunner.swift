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
    let interruptionStatus: @Sendable () -> Int32
    let events: @Sendable (EngineEvent) -> Void

    /// Puts a runner together.
    ///
    /// - Parameters:
    ///   - module: What is run.
    ///   - inventory: Where; its digest ties a resumed run to it.
    ///   - redactor: Knows the secrets that must not get into any file.
    ///   - provider: Makes the connections.
    ///   - version: The version of `runner`, for the record.
    ///   - interruptionStatus: The exit status of a run that was cancelled: 130 or 143, by the signal that did it.
    ///   - events: Told everything, in order, from any thread.
    public init(
        module: Module, inventory: Inventory, redactor: Redactor, provider: any SiteProvider, version: String,
        interruptionStatus: @escaping @Sendable () -> Int32, events: @escaping @Sendable (EngineEvent) -> Void
    ) {
        self.module = module
        self.inventory = inventory
        self.redactor = redactor
        self.provider = provider
        self.version = version
        self.interruptionStatus = interruptionStatus
        self.events = events
    }

    private var moduleName: String { String(module.number) }

    /// Runs the selected steps from the first on.
    ///
    /// Throws only where no run came about (a name that is no step's, a state directory that cannot be written, another run
    /// on this machine); what ends a run is in the summary.
    ///
    /// With a `plan` the run carries out that and nothing else, all of the module's steps; a plan of another module, inventory
    /// or list of steps is refused with an error of kind `badInput`.
    public func run(
        _ selection: StepSelection, plan: ModulePlan.File? = nil, options: RunOptions = RunOptions(),
        in state: StateDirectory
    ) async throws -> RunSummary {
        let steps = try selection.steps(of: module, options: options)
        try plan?.content.requireFor(module, inventory, version: version)
        let name = moduleName
        let (id, lock) = try await runBlocking {
            let id = try RunJournal.newID(module: name, in: state)
            return (id, try ModuleLock.acquire(module: name, in: state, run: id))
        }
        defer { release(lock) }
        let endedRuns = try await earlierRuns(in: state)
        let description = RunDescription(
            module: name, steps: steps.map(\.id.rawValue), options: options.record, runnerVersion: version,
            inventoryPath: inventory.path, inventoryDigest: inventory.digest, plan: plan?.bytes)
        let journal = try await RunJournal.create(id, description, in: state, redactor: redactor)
        let execution = Execution(
            runner: self, journal: journal, steps: steps, options: options, finished: [], endedRuns: endedRuns,
            isResumed: false, planGuard: plan.map { PlanGuard($0.content, redactor: redactor) }, notes: Notes())
        return await execution.run()
    }

    /// Goes on with `id`, or with the newest unfinished run of the module; `nil` where there is none.
    public func resume(_ id: RunID?, in state: StateDirectory) async throws -> RunSummary? {
        let name = moduleName
        guard let run = try await unfinishedRun(id, in: state) else { return nil }
        let lock = try await runBlocking { try ModuleLock.acquire(module: name, in: state, run: run.id) }
        defer { release(lock) }
        let steps = try await steps(of: run)
        let planGuard = try await planGuard(of: run)
        let endedRuns = try await earlierRuns(in: state)
        let reopened = try await RunJournal.reopen(run, in: state, redactor: redactor)
        if let torn = reopened.tornTail {
            events(
                .warning(
                    "the end of the audit log was cut off by a crash; its \(torn.bytes) bytes are kept in \(torn.file)")
            )
        }
        for (step, why) in reopened.damaged.sorted(by: { $0.key < $1.key }) {
            events(.warning("the checkpoint of \(step) does not count: \(why)"))
        }
        for command in reopened.unknown where command.start.effect == .change {
            events(
                .warning(
                    "the outcome of `\(command.start.purpose ?? command.start.command.joined(separator: " "))` on \(command.start.host) is unknown; "
                        + "the step's check decides"))
        }
        let execution = Execution(
            runner: self, journal: reopened.journal, steps: steps,
            options: RunOptions(recorded: reopened.header.options ?? []),
            finished: Set(reopened.finished.keys.map { StepID($0) }), endedRuns: endedRuns, isResumed: true,
            planGuard: planGuard,
            notes: Notes(try await runBlocking { try run.entries().filter { $0.kind == .note }.compactMap(\.text) }))
        return await execution.run()
    }

    private func unfinishedRun(_ id: RunID?, in state: StateDirectory) async throws -> RunReader? {
        let name = moduleName
        guard let id else { return try await runBlocking { try state.newestUnfinishedRun(module: name) } }
        let attempt = "resume \(id)"
        guard let run = state.run(id) else {
            throw StepFailure(
                attempt, cause: "there is no such run in \(state.path)", remedy: "`runner status` lists them",
                kind: .badInput)
        }
        guard id.module == name else {
            throw StepFailure(
                attempt, cause: "it is a run of module \(id.module), not of module \(name)",
                remedy: "resume a run of module \(name)", kind: .badInput)
        }
        if case .whole(let outcome) = try await runBlocking({ try run.outcome() }), outcome.result == .succeeded {
            throw StepFailure(
                attempt,
                cause: "it ended well on \(outcome.ended.formatted(.iso8601)), so that there is nothing to resume",
                remedy: "look for drift with `runner plan \(name)`, or run anew with `runner run \(name)`",
                kind: .badInput)
        }
        return run
    }

    /// The steps the run was begun with, refused where the inventory or the list is not the one of then.
    private func steps(of run: RunReader) async throws -> [any Step] {
        let attempt = "resume \(run.id)"
        guard let header = try await runBlocking({ try run.header() }).content else {
            throw StepFailure(
                attempt, cause: "its run.json is missing or was edited",
                remedy: "begin anew with `runner run \(module.number)`", kind: .badInput)
        }
        guard header.inventory.sha256 == inventory.digest else {
            throw StepFailure(
                attempt,
                cause: "it was begun with the inventory \(header.inventory.path) of SHA-256 "
                    + "\(header.inventory.sha256.prefix(12))…, and \(inventory.path) is now \(inventory.digest.prefix(12))…",
                remedy:
                    "put the inventory back as it was, or begin anew with `runner run \(module.number)`, which repeats nothing "
                    + "that is in place",
                kind: .badInput)
        }
        let known = Dictionary(uniqueKeysWithValues: module.steps.map { ($0.id.rawValue, $0) })
        if let unknown = header.steps.first(where: { known[$0] == nil }) {
            throw StepFailure(
                attempt,
                cause: "it was begun by \(header.runner.version), with a step \(unknown) that this version lacks",
                remedy: "resume with the version that began it, or begin anew", kind: .badInput)
        }
        return module.steps.filter { header.steps.contains($0.id.rawValue) }
    }

    /// What holds a run that carries out a plan to it also now; refused where the plan is not there any more.
    private func planGuard(of run: RunReader) async throws -> PlanGuard? {
        let (digest, plan, entries) = try await runBlocking {
            (try run.header().content?.plan, try run.plan(ModulePlan.self), try run.entries())
        }
        guard digest != nil else { return nil }
        func refusal(_ cause: String) -> StepFailure {
            StepFailure(
                "resume \(run.id)", cause: "its plan.json \(cause)",
                remedy: "make a new plan and carry out that with `runner run \(module.number) --plan FILE`",
                kind: .badInput)
        }
        let content: ModulePlan
        switch plan {
        case .whole(let plan): content = plan
        case .damaged(let why): throw refusal("cannot be used: \(why)")
        case .missing: throw refusal("is missing")
        }
        let begun = entries.filter { $0.kind == .stepCheck && $0.result != "in place" }.compactMap(\.step)
        return PlanGuard(content, begun: Set(begun.map { StepID($0) }), redactor: redactor)
    }

    /// Runs of this directory: whoever holds its lock knows that all the others are over.
    private func earlierRuns(in state: StateDirectory) async throws -> Set<String> {
        Set(try await runBlocking { try state.runs().map(\.id.description) })
    }

    private func release(_ lock: ModuleLock) {
        do {
            try lock.release()
        } catch {
            events(
                .warning("the lock file could not be given back, the kernel does it when this process ends: \(error)"))
        }
    }
}
