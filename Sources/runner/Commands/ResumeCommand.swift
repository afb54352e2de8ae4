import ArgumentParser
import ClientKit
import Engine
import Journal
import StepKit

/// `runner resume`.
struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Continue an interrupted run: finished steps are checked again, not repeated.")

    @Argument(help: "The run (default: the newest unfinished one).") var run: String?
    @OptionGroup var timeOptions: TimeOptions
    @OptionGroup var lockOptions: LockOptions
    @OptionGroup var reasonOptions: ReasonOptions
    @OptionGroup var inventoryOptions: InventoryOptions
    @OptionGroup var stateOptions: StateOptions
    @OptionGroup var formatOptions: FormatOptions

    func run() async throws {
        let console = RunConsole(formatOptions)
        let id = try run.map { text in
            guard let id = RunID(text) else {
                throw ValidationError("'\(text)' is not a run's id; `runner status --all` lists them")
            }
            return id
        }
        let summary = try await reporting { () -> RunSummary? in
            try await timeOptions.limiting("resume \(id?.description ?? "the newest unfinished run")") {
                let inventory = try await inventoryOptions.load()
                let state = try await stateOptions.prepared(console.terminal)
                let modules = try await modules(of: id, in: state)
                let wait = lockOptions.wait
                return try await withSignalsAsCancellation(tellingOn: console.terminal) {
                    for module in modules {
                        await LiveProvider.learnSecrets(of: inventory, for: module, redactor: redactor)
                        let runner = console.runner(of: module, on: inventory, lockWait: wait)
                        if let summary = try await runner.resume(
                            id, why: reasonOptions.why, in: state)
                        {
                            return summary
                        }
                    }
                    return nil
                }
            }
        }
        guard let summary else {
            try StandardOutput.write("nothing to resume: there is no unfinished run")
            return
        }
        try console.finish(with: summary)
    }

    /// The module of the run `id`; without an id all modules, the one with the newest unfinished
    /// run first.
    private func modules(of id: RunID?, in state: StateDirectory) async throws -> [StepKit.Module] {
        if let id { return [try Runner.modules.module(of: id)] }
        return try await runBlocking { try Runner.modules.toResume(in: state) }
    }
}
