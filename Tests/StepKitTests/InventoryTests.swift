import Testing

@testable import StepKit

@Suite struct InventoryTests {
    @Test func reads() throws {
        let i = try Inventory.load(path: "inventory.json")
        print(i)
        for k in Inventory.knownKeys() { print(k) }
    }
}
