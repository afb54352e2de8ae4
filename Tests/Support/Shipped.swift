public import Foundation
public import StepKit
import Testing

/// The files that the package ships.
public enum Shipped {
    /// The package's folder.
    public static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The text of `inventory.json` with each `old` text, which must occur exactly once, replaced by its `new`.
    public static func inventoryText(_ changes: [(old: String, new: String)] = []) throws -> String {
        try changed(String(contentsOf: folder.appending(path: "inventory.json"), encoding: .utf8), changes)
    }

    /// `inventory.json` with each `old` text, which must occur exactly once, replaced by its `new`.
    public static func inventory(
        _ changes: [(old: String, new: String)] = [], for modules: [Module]
    ) throws -> Inventory {
        try Inventory.parse(
            Array(inventoryText(changes).utf8), path: "/etc/keybuzz/inventory.json", for: modules)
    }

    /// Writes `inventory.json`, changed by `edit`, to `file`.
    public static func writeInventory(to file: URL, editing edit: (inout [String: Any]) throws -> Void) throws {
        let shipped = try JSONSerialization.jsonObject(with: Data(inventoryText().utf8))
        var object = try #require(shipped as? [String: Any])
        try edit(&object)
        try JSONSerialization.data(withJSONObject: object, options: .prettyPrinted).write(to: file)
    }

    /// A text with each `old` text, which must occur exactly once, replaced by its `new`.
    public static func changed(_ text: String, _ changes: [(old: String, new: String)]) throws -> String {
        try changes.reduce(text) { text, change in
            try #require(text.ranges(of: change.old).count == 1, "\(change.old) must occur once")
            return text.replacing(change.old, with: change.new)
        }
    }
}
