import ArgumentParser
import Foundation
import StepKit
import Steps

/// `runner steps`.
struct StepsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "steps", abstract: "List a module's steps in their order, one a line.")

    @Argument(help: "The module's number.") var module = 11
    @OptionGroup var formatOptions: FormatOptions

    func run() async throws {
        let module = try await reporting { try StepKit.Module.named(self.module) }
        let rows = module.steps.map { Row(step: $0.id.rawValue, summary: $0.summary) }
        let width = rows.map(\.step.count).max() ?? 0
        let lines = rows.map { $0.step.padding(toLength: width + 2, withPad: " ", startingAt: 0) + $0.summary }
        try formatOptions.print(rows) { lines.joined(separator: "\n") + "\n\n" + module.orderNote }
    }

    private struct Row: Encodable {
        let step: String
        let summary: String
    }
}
