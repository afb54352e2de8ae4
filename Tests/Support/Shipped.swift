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

    /// The names of the failpoints in the sources of `target`, each as often as it is there.
    public static func failpoints(of target: String) throws -> [String] {
        let sources = folder.appending(path: "Sources/\(target)")
        var names: [String] = []
        for file in try FileManager.default.subpathsOfDirectory(atPath: sources.path) where file.hasSuffix(".swift") {
            let text = try String(contentsOf: sources.appending(path: file), encoding: .utf8)
            names += text.matches(of: /failpoint\("([a-z.-]+)"\)/).map { String($0.1) }
        }
        return names
    }

    /// A text with each `old` text, which must occur exactly once, replaced by its `new`.
    public static func changed(_ text: String, _ changes: [(old: String, new: String)]) throws -> String {
        try changes.reduce(text) { text, change in
            try #require(text.ranges(of: change.old).count == 1, "\(change.old) must occur once")
            return text.replacing(change.old, with: change.new)
        }
    }
}
