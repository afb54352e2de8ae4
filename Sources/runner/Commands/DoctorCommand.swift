import ArgumentParser
import ClientKit
import Engine
import Journal
import StepKit

/// `runner doctor MODULE`.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check whether everything is reachable and working, and if not, why; changes nothing.")

    @Argument(help: "The module's number.") var module: Int
    @OptionGroup var timeOptions: TimeOptions
    @OptionGroup var inventoryOptions: InventoryOptions
    @OptionGroup var formatOptions: FormatOptions

    func run() async throws {
        let (found, status) = try await reporting {
            try await timeOptions.limiting("check module \(module)") {
                let module = try Runner.modules.module(module)
                let inventory = try await inventoryOptions.load(for: module)
                return try await Self.examine(module, on: inventory)
            }
        }
        let told = found.map { $0.mapping(redactor.redact) }
        try formatOptions.print(told, lines: { DiagnosisLines().text(told) })
        if status != 0 { throw ExitCode(status) }
    }

    /// The diagnoses, and the exit status: 0 if all is well, the status of a connection or login
    /// failure if there is one, else 1.
    private static func examine(
        _ module: StepKit.Module, on inventory: StepKit.Inventory
    ) async throws -> ([Diagnosis], Int32) {
        let provider = LiveProvider(
            inventory: inventory, module: module, redactor: redactor,
            passphrase: Passphrase.ask)
        do {
            let found = try await provider.withSite(observer: IgnoringObserver()) { site in
                try await examine(module, through: site)
            }
            // An interrupted check says nothing about the platform.
            try Task.checkCancellation()
            return (found, found.contains { $0.verdict == .failed } ? 1 : 0)
        } catch let error as any ExplainedError {
            try Task.checkCancellation()
            return (error.diagnoses, error.kind.exitStatus)
        }
    }

    /// Works through the first master that is ready; masters lost in the meantime are part of the
    /// result.
    private static func examine(
        _ module: StepKit.Module, through site: any OpenSite
    ) async throws -> [Diagnosis] {
        let terminal = Terminal(isQuiet: false)
        let reporter = Reporter(
            progress: { _ in },
            warning: { terminal.line("warning: \(redactor.redact($0.text))") })
        var lost: [Diagnosis] = []
        let found = try await site.throughMasters(reporter: reporter) { writer in
            try await module.examine(writer.reader)
        } onFailover: { _, error in
            lost += error.diagnoses
        }
        return lost + found
    }
}

extension ExplainedError {
    /// A diagnosis for the error, or one for each of several.
    fileprivate var diagnoses: [Diagnosis] {
        if let combined = self as? CombinedFailure { return combined.failures.flatMap(\.diagnoses) }
        if let none = self as? NoMasterLeft { return none.diagnoses }
        return [.failed(host ?? attempt, error: self)]
    }
}
