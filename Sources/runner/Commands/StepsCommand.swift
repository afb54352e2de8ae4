import ArgumentParser
import Foundation
import StepKit

/// `runner steps`.
struct StepsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "steps",
        abstract: "List the modules, or the steps of one in their order.")

    @Argument(help: "The module's number (default: list the modules).") var module: Int?
    @OptionGroup var formatOptions: FormatOptions

    func run() async throws {
        guard let number = module else {
            let rows = Runner.modules.modules.map { ModuleRow(module: $0.number, summary: $0.summary) }
            return try formatOptions.print(rows) {
                Self.table(rows.map { (String($0.module), $0.summary) })
            }
        }
        let module = try await reporting { try Runner.modules.module(number) }
        let rows = module.steps.map { StepRow(step: $0.id.rawValue, summary: $0.summary) }
        try formatOptions.print(rows) {
            Self.table(rows.map { ($0.step, $0.summary) }) + "\n\n" + module.orderNote
        }
    }

    /// A line for each row, the names padded to one width.
    private static func table(_ rows: [(name: String, summary: String)]) -> String {
        let width = (rows.map(\.name.count).max() ?? 0) + 2
        return rows.map { row in
            row.name.padding(toLength: width, withPad: " ", startingAt: 0) + row.summary
        }
        .joined(separator: "\n")
    }

    private struct ModuleRow: Encodable {
        let module: Int
        let summary: String
    }

    private struct StepRow: Encodable {
        let step: String
        let summary: String
    }
}
