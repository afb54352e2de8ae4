import ArgumentParser
import Engine
import StepKit

/// `runner run 11`.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run a module: every step that is not in place, in order.")

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
