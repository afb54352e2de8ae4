import ArgumentParser
import ClientKit
import Engine
import Foundation
import Journal
import StepKit
import Steps
import Synchronization

/// `runner run 11`.
struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a module: every step that is not in place, in order.")

    @Argument(help: "The module's number.") var module: Int
    @Option(name: .long, help: "Begin with this step.") var from: StepID?
    @Option(name: .long, help: "End with this step.") var until: StepID?
    @Option(name: .long, help: "Do only this step; may be given several times.") var only: [StepID] = []
    @Option(name: .long, help: "Carry out this plan and nothing else; stop where something moved since it was made.")
    var plan: String?
    @OptionGroup var resetOptions: ResetOptions
    @OptionGroup var inventoryOptions: InventoryOptions
    @OptionGroup var stateOptions: StateOptions
    @OptionGroup var formatOptions: FormatOptions

    func validate() throws {
        guard plan == nil || (from == nil && until == nil && only.isEmpty) else {
            throw ValidationError("--plan carries out the whole plan: it goes without --from, --until and --only")
        }
        guard plan == nil || !resetOptions.resetDatabase else {
            throw ValidationError("--reset-database goes without --plan: it is asked for and confirmed by itself")
        }
    }

    func run() async throws {
        let selection = StepSelection(from: from, until: until, only: only)
        let path = plan
        let options = try await reporting { try await resetOptions.confirmed(for: inventoryOptions.load()) }
        try await LiveRun(module: module, inventoryOptions, stateOptions, formatOptions) { runner, state in
            let plan: ModulePlan.File? = if let path { try await ModulePlan.read(from: path) } else { nil }
            return try await runner.run(selection, plan: plan, options: options, in: state)
        }.run()
    }
}

/// `runner resume`.
struct Resume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Go on with an interrupted run: finished steps are looked at again and not repeated.")

    @Argument(help: "The run (default: the newest unfinished one).") var run: String?
    @OptionGroup var inventoryOptions: InventoryOptions
    @OptionGroup var stateOptions: StateOptions
    @OptionGroup var formatOptions: FormatOptions

    func run() async throws {
        let id = try run.map { text in
            guard let id = RunID(text) else {
                throw ValidationError("'\(text)' is no run's id; `runner status --all` lists them")
            }
            return id
        }
        try await LiveRun(module: module11.number, inventoryOptions, stateOptions, formatOptions) { runner, state in
            try await runner.resume(id, in: state)
        }.run()
    }
}

/// What run and resume share: the inventory, the signals, the progress, and the exit status.
private struct LiveRun {
    let module: Int
    let inventoryOptions: InventoryOptions
    let stateOptions: StateOptions
    let formatOptions: FormatOptions
    let work: @Sendable (ModuleRunner, StateDirectory) async throws -> RunSummary?

    init(
        module: Int, _ inventoryOptions: InventoryOptions, _ stateOptions: StateOptions, _ formatOptions: FormatOptions,
        work: @escaping @Sendable (ModuleRunner, StateDirectory) async throws -> RunSummary?
    ) {
        self.module = module
        self.inventoryOptions = inventoryOptions
        self.stateOptions = stateOptions
        self.formatOptions = formatOptions
        self.work = work
    }

    func run() async throws {
        let terminal = Terminal(isQuiet: formatOptions.format == .json)
        let lines = ProgressLines(terminal: terminal)
        let summary = try await reporting { () async throws -> RunSummary? in
            let module = try StepKit.Module.named(self.module)
            let inventory = try await inventoryOptions.load()
            let state = try await stateOptions.prepared(terminal)
            return try await cancellable(terminal) { signals in
                let runner = ModuleRunner(
                    module: module, inventory: inventory, redactor: redactor,
                    provider: LiveProvider(
                        inventory: inventory, module: String(module.number), redactor: redactor,
                        passphrase: Passphrase.ask),
                    version: Runner.version, interruptionStatus: signals,
                    events: { event in lines.show(event.redacted(by: redactor)) })
                return try await work(runner, state)
            } animation: {
                await lines.animate()
            }
        }
        guard let summary else {
            print("nothing to resume: no run of module \(module) is unfinished")
            return
        }
        try formatOptions.print(SummaryRecord(summary), text: { "" })
        if let failure = summary.failure { throw ExitCode(failure.exitStatus(interrupted: Interruption.status)) }
    }

    /// Runs `work` so that the first signal cancels it; beside it `animation`.
    private func cancellable(
        _ terminal: Terminal,
        _ work: @escaping @Sendable (@escaping @Sendable () -> Int32) async throws -> RunSummary?,
        animation: @escaping @Sendable () async -> Void
    ) async throws -> RunSummary? {
        let task = Task<RunSummary?, any Error> { try await work { Interruption.status } }
        let signals = Signals { number in
            Interruption.note(number)
            terminal.line("stopping in order; once more to stop at once")
            task.cancel()
        }
        let animating = Task { await animation() }
        defer {
            animating.cancel()
            withExtendedLifetime(signals) {}
        }
        return try await task.value
    }
}

/// Which signal interrupted the run, for its exit status.
private enum Interruption {
    private static let signal = Mutex<Int32>(SIGINT)

    static var status: Int32 { 128 + signal.withLock { $0 } }

    static func note(_ number: Int32) { signal.withLock { $0 = number } }
}

/// A run's result as `--format json` prints it.
private struct SummaryRecord: Encodable {
    let run: String
    let inPlace: Int
    let applied: Int
    let succeeded: Bool
    let notes: [String]
    let error: String?

    init(_ summary: RunSummary) {
        run = summary.runID
        inPlace = summary.inPlace
        applied = summary.applied
        succeeded = summary.failure == nil
        notes = summary.notes
        error = summary.failure?.message
    }
}

/// `runner plan 11`.
struct Plan: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what a run would change, each change with its certainty; touches nothing.")

    @Argument(help: "The module's number.") var module: Int
    @Flag(name: .long, help: "Exit with 2 when there is something to change.") var detailedExitcode = false
    @Option(name: .shortAndLong, help: "Write the plan to this file, for `run --plan`.") var output: String?
    @OptionGroup var resetOptions: ResetOptions
    @OptionGroup var inventoryOptions: InventoryOptions
    @OptionGroup var formatOptions: FormatOptions

    func validate() throws {
        guard output == nil || !resetOptions.resetDatabase else {
            throw ValidationError("a reset of the database is never carried out from a plan's file")
        }
    }

    func run() async throws {
        let plan = try await reporting {
            let module = try StepKit.Module.named(self.module)
            let inventory = try await inventoryOptions.load()
            let provider = LiveProvider(
                inventory: inventory, module: String(module.number), redactor: redactor, passphrase: Passphrase.ask)
            let terminal = Terminal(isQuiet: false)
            let plan = try await ModulePlan(
                module, options: resetOptions.unconfirmed, inventory: inventory, version: Runner.version,
                redactor: redactor, provider: provider
            ) { warning in
                terminal.line("warning: \(warning)")
            }
            if let output, plan.failure == nil { try await plan.write(to: output) }
            return plan
        }
        try formatOptions.print(plan, text: { plan.words })
        if let failure = plan.failure { try await reporting { throw failure } }
        if detailedExitcode, !plan.isEmpty { throw ExitCode(2) }
    }
}

extension ModulePlan {
    /// The plan for reading.
    var words: String {
        let parts = steps.map { step in
            if step.obstacle != nil { return "\(step.step): a run stops here" }
            return step.changes.isEmpty
                ? "\(step.step): in place"
                : "\(step.step):\n"
                    + step.changes.map { "  \($0.summary)  [\($0.certainty.rawValue)]" }.joined(separator: "\n")
        }
        let count = steps.map(\.changes.count).reduce(0, +)
        return parts.joined(separator: "\n") + "\n" + (count == 0 ? "nothing to change" : "\(count) changes")
    }
}

extension EngineEvent {
    /// The event without secrets: what a client's error quotes must not reach the terminal.
    func redacted(by redactor: Redactor) -> EngineEvent {
        switch self {
        case .stepProgress(let id, let said):
            .stepProgress(id, .init(redactor.redact(said.text), left: said.left))
        case .stepFailed(let id, let message, let duration):
            .stepFailed(id, message: redactor.redact(message), duration)
        case .warning(let text): .warning(redactor.redact(text))
        case .stepEnded(let id, .applied(let changes), let duration):
            .stepEnded(id, .applied(changes.map { $0.rewritten(redactor.redact) }), duration)
        case .runBegan, .preflightBegan, .preflightPassed, .stepBegan, .runEnded, .stepEnded(_, .inPlace, _): self
        }
    }
}
