import ArgumentParser
import ClientKit
import Foundation
import StepKit

/// The inventory file: the flag, then `RUNNER_INVENTORY`, then the working directory.
struct InventoryOptions: ParsableArguments {
    @Option(name: .long, help: "The inventory file (default: $RUNNER_INVENTORY, else ./inventory.json).")
    var inventory: String?

    var path: String {
        inventory ?? ProcessInfo.processInfo.environment["RUNNER_INVENTORY"] ?? "inventory.json"
    }

    /// The inventory, with the sections of the modules that it describes.
    func load() async throws -> StepKit.Inventory {
        let path = path
        return try await runBlocking {
            let inventory = try StepKit.Inventory.load(path: path, for: Runner.modules.modules)
            Interruptions.stopLimit = inventory.limits.stop
            return inventory
        }
    }

    /// The inventory, which must have the section of `module`.
    func load(for module: StepKit.Module) async throws -> StepKit.Inventory {
        let inventory = try await load()
        try inventory.require(module)
        return inventory
    }
}
