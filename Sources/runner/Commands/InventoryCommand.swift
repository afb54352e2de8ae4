import ArgumentParser
import StepKit

/// `runner inventory`.
struct InventoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inventory", abstract: "Check the inventory.", subcommands: [InventoryCheck.self])
}

/// `runner inventory check`.
struct InventoryCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Report every mistake of the inventory at once, each with its JSON path and line.")

    @OptionGroup var inventoryOptions: InventoryOptions
    @OptionGroup var formatOptions: FormatOptions

    func run() async throws {
        do {
            let inventory = try await inventoryOptions.load()
            try formatOptions.print([InventoryProblem]()) {
                "\(inventory.path): \(inventory.hosts.count) hosts, \(inventory.masters.count) masters, no mistakes"
            }
        } catch let error as InventoryError {
            if formatOptions.format == .json { print(try JSONOutput.string(error.problems)) }
            try await reporting { throw error }
        }
    }
}
