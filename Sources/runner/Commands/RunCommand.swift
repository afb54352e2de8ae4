import ArgumentParser
import Engine
import Journal
import StepKit

/// `runner run MODULE`.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run a module: every step that is not in place, in order.")

    @Argument(help: "The module's number.") var module: Int
    @Option(name: .long, help: "Start with this step.") var from: StepID?
    @Option(name: .long, help: "Stop after this step.") var until: StepID?
    @Option(name: .long, help: "Run only this step; can be repeated.") var only: [StepID] = []
    @Option(
        name: .long,
        help: "Carry out this plan and nothing else; stop if it is stale.")
    var plan: String?
    @Flag(name: .long, help: "Start a new run even if an earlier one was interrupted and is unfinished.")
    var new = false
    @OptionGroup var timeOptions: TimeOptions
    @OptionGroup var lockOptions: LockOptions
    @OptionGroup var resetOptions: ResetOptions
    @OptionGroup var reasonOptions: ReasonOptions
    @OptionGroup var inventoryOptions: InventoryOptions
    @OptionGroup var stateOptions: StateOptions
    @OptionGroup var formatOptions: FormatOptions

    func validate() throws {
        guard plan == nil || (from == nil && until == nil && only.isEmpty) else {
            throw ValidationError(
                "--plan carries out the whole plan: it excludes --from, --until and --only")
        }
        guard plan == nil || !resetOptions.resetDatabase else {
            throw ValidationError(
                "--plan excludes --reset-database, which must be requested and confirmed on its own")
        }
    }

    func run() async throws {
        let console = RunConsole(formatOptions)
        let selection = StepSelection(from: from, until: until, only: only)
        let summary = try await reporting {
            try await timeOptions.limiting("run module \(module)") {
                let module = try Runner.modules.module(module)
                let inventory = try await inventoryOptions.load(for: module)
                await LiveProvider.learnSecrets(of: inventory, for: module, redactor: redactor)
                let options = try await resetOptions.confirmed(for: module, on: inventory)
                let plan: ModulePlan.File? =
                    if let plan { try await ModulePlan.read(from: plan, for: module) } else { nil }
                let state = try await stateOptions.prepared(console.terminal)
                let runner = console.runner(of: module, on: inventory, lockWait: lockOptions.wait)
                let isNew = new
                return try await withSignalsAsCancellation(tellingOn: console.terminal) {
                    try await runner.run(
                        selection, plan: plan, options: options, isNew: isNew, why: reasonOptions.why,
                        in: state)
                }
            }
        }
        try console.finish(with: summary)
    }
}
