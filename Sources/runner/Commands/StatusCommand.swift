import ArgumentParser
import ClientKit
import Foundation
import Journal

/// `runner status`.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show where a run stands, step by step.")

    @Argument(help: "The run (default: the newest).") var run: String?
    @Flag(name: .long, help: "List all runs instead.") var all = false
    @OptionGroup var stateOptions: StateOptions
    @OptionGroup var formatOptions: FormatOptions

    func run() async throws {
        let state = try await reporting { try await stateOptions.existing }
        if all {
            let records = try await reporting {
                try await runBlocking { try RunStatus.all(in: state) }
            }
            return try formatOptions.print(records) { records.map(\.line.visibleOnOneLine).joined(separator: "\n") }
        }
        let record = try await reporting {
            let reader = try await stateOptions.run(run)
            return try await runBlocking { try RunStatus(reader, in: state) }
        }
        let lines = record.steps.map { "  \($0.mark) \($0.step)  \($0.state)".visibleOnOneLine }
        let error = (record.error ?? "").split(whereSeparator: \.isNewline).map { "  \($0)" }
        try formatOptions.print(record) { ([record.line] + lines + error).joined(separator: "\n") }
    }
}
