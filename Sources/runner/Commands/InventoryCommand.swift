import ArgumentParser

/// `runner inventory`.
struct InventoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inventory", abstract: "Check the inventory, or create one from kubespray's.",
        subcommands: [InventoryCheckCommand.self, InventoryImportCommand.self])
}
