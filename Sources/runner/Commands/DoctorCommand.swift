import ArgumentParser
import ClientKit
import Engine
import Foundation
import Journal
import StepKit
import Steps

/// `runner doctor 11`.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Tell whether everything is reachable and served, and if not, why; touches nothing.")

    @Argument(help: "The module's number.") var module: Int
    @OptionGroup var inventoryOptions: InventoryOptions
    @OptionGroup var formatOptions: FormatOptions

    func run() async throws {
        let (found, status) = try await reporting {
            let module = try StepKit.Module.named(self.module)
            let inventory = try await inventoryOptions.load()
            return try await Self.examine(module, inventory)
        }
        let told = found.map { $0.mapping(redactor.redact) }
        try formatOptions.print(told, text: { DiagnosisLines().text(told) })
        if status != 0 { throw ExitCode(status) }
    }

    /// What there is to say, and the exit status: 0 where all is well, else that of what keeps us out, else 1.
    private static func examine(
        _ module: StepKit.Module, _ inventory: StepKit.Inventory
    ) async throws -> ([Diagnosis], Int32) {
        let provider = LiveProvider(
            inventory: inventory, module: String(module.number), redactor: redactor, passphrase: Passphrase.ask)
        let open: any OpenSite
        do {
            open = try await provider.open(observer: IgnoringObserver())
        } catch let error as any ExplainedError {
            return (error.diagnoses, error.kind.exitStatus)
        }
        do {
            let found = try await examine(module, open)
            await open.close()
            return (found, found.contains { $0.verdict == .failed } ? 1 : 0)
        } catch let error as any ExplainedError {
            await open.close()
            return (error.diagnoses, error.kind.exitStatus)
        }
    }

    /// Through the first master that serves; those lost on the way are part of the answer.
    private static func examine(_ module: StepKit.Module, _ open: any OpenSite) async throws -> [Diagnosis] {
        let terminal = Terminal(isQuiet: false)
        let reporter = Reporter(
            progress: { _ in }, warning: { terminal.line("warning: \(redactor.redact($0.text))") })
        var lost: [Diagnosis] = []
        while true {
            let site = try await open.site(reporter: reporter).reader
            do {
                let found = try await module.examine(site)
                return lost + found
            } catch let error as any ExplainedError {
                guard try await open.failOver(after: error) != nil else { throw error }
                lost += error.diagnoses
            }
        }
    }
}

extension ExplainedError {
    /// The error as lines: one for each of several.
    fileprivate var diagnoses: [Diagnosis] {
        if let combined = self as? CombinedFailure { return combined.failures.flatMap(\.diagnoses) }
        if let none = self as? NoMasterLeft { return none.diagnoses }
        return [.failed(host ?? attempt, self)]
    }
}
