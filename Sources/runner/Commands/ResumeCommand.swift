import ArgumentParser
import Engine
import Journal
import StepKit
import Steps

/// `runner resume`.
struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
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
