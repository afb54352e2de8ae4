import ArgumentParser
import Engine
import StepKit

/// `runner plan MODULE`.
struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Show what a run would change, each change with its certainty; changes nothing.")

    @Argument(help: "The module's number.") var module: Int
    @Flag(name: .long, help: "Exit with status 2 if there is something to change.") var detailedExitcode = false
    @Option(name: .shortAndLong, help: "Write the plan to this file, for `run --plan`.") var output: String?
    @OptionGroup var resetOptions: ResetOptions
    @OptionGroup var timeOptions: TimeOptions
    @OptionGroup var inventoryOptions: InventoryOptions
    @OptionGroup var formatOptions: FormatOptions

    func validate() throws {
        guard output == nil || !resetOptions.resetDatabase else {
            throw ValidationError("a database reset cannot be carried out from a plan file")
        }
    }

    func run() async throws {
        let plan = try await reporting {
            try await timeOptions.limiting("plan module \(module)") {
                let module = try Runner.modules.module(module)
                let inventory = try await inventoryOptions.load(for: module)
                let provider = LiveProvider(
                    inventory: inventory, module: module, redactor: redactor,
                    passphrase: Passphrase.ask)
                let terminal = Terminal(isQuiet: false)
                let plan = try await ModulePlan(
                    of: module, options: resetOptions.unconfirmed, inventory: inventory,
                    version: Runner.version, redactor: redactor, provider: provider
                ) { warning in
                    terminal.line("warning: \(warning)")
                }
                // An interrupted plan is not a plan.
                try Task.checkCancellation()
                if let output, plan.failure == nil { try await plan.write(to: output) }
                return plan
            }
        }
        try formatOptions.print(plan, text: { plan.summary })
        if let failure = plan.failure { try await reporting { throw failure } }
        if detailedExitcode, !plan.isEmpty { throw ExitCode(2) }
    }
}

extension ModulePlan {
    /// The plan for people: each step with its changes.
    fileprivate var summary: String {
        let parts = steps.map { step in
            if step.obstacle != nil { return "\(step.step): a run stops here" }
            return step.changes.isEmpty
                ? "\(step.step): in place"
                : "\(step.step):\n"
                    + step.changes.map { "  \($0.summary)  [\($0.certainty.label)]" }
                    .joined(separator: "\n")
        }
        let count = steps.map(\.changes.count).reduce(0, +)
        return parts.joined(separator: "\n") + "\n"
            + (count == 0 ? "nothing to change" : "\(count) changes")
    }
}
