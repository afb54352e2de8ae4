import ArgumentParser
import Engine
import Journal
import StepKit
import Steps

/// `runner resume`.
struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Continue an interrupted run: finished steps are checked again, not repeated.")

    @Argument(help: "The run (default: the newest unfinished one).") var run: String?
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
        let module = module11
        let summary = try await reporting {
            let inventory = try await inventoryOptions.load()
            let state = try await stateOptions.prepared(console.terminal)
            let runner = console.runner(of: module, on: inventory)
            return try await withSignalsAsCancellation(tellingOn: console.terminal) {
                try await runner.resume(id, in: state)
            }
        }
        guard let summary else {
            try StandardOutput.write("nothing to resume: no unfinished run of module \(module.number)")
            return
        }
        try console.finish(with: summary)
    }
}
