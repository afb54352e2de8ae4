import ArgumentParser
import ClientKit
import Engine
import StepKit

/// `runner inventory check`.
struct InventoryCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Report all mistakes in the inventory, each with its JSON path and line.",
        discussion: "With --probe, also connects and logs in to everything that it names; changes nothing.")

    @Flag(name: .long, help: "Also connect to every host, PostgreSQL, Redis, the API servers and the registry.")
    var probe = false
    @OptionGroup var inventoryOptions: InventoryOptions
    @OptionGroup var formatOptions: FormatOptions

    func run() async throws {
        do {
            let inventory = try await inventoryOptions.load()
            guard !probe else { return try await probe(inventory) }
            try formatOptions.print([InventoryProblem]()) {
                "\(inventory.path): \(inventory.hosts.count) hosts, \(inventory.masters.count) masters, no mistakes"
            }
        } catch let error as InventoryError {
            if formatOptions.format == .json { try formatOptions.print(error.problems) { "" } }
            try await reporting { throw error }
        }
    }

    /// Prints each finding as soon as it is known; JSON is one document, printed at the end.
    private func probe(_ inventory: StepKit.Inventory) async throws {
        let lines = DiagnosisLines()
        let result = try await InventoryProbe(inventory, redactor: redactor, passphrase: Passphrase.ask).run {
            if formatOptions.format == .text { try StandardOutput.write(lines.text([$0])) }
        }
        if formatOptions.format == .json { try formatOptions.print(result.diagnoses) { "" } }
        if let kind = result.failure { throw ExitCode(kind.exitStatus) }
    }
}
