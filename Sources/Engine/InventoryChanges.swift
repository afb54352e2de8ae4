import Foundation

/// What is different between two inventories, key by key.
struct InventoryChanges {
    /// One value.
    struct Change: Equatable {
        /// Its path, such as `registry.server` or `hosts.k8s-master-01.address`.
        let key: String
        /// What it was; nil where it was not there.
        let before: String?
        /// What it is; nil where it is no longer there.
        let after: String?

        /// `key: before → after`.
        var summary: String { "\(key): \(before ?? "not set") → \(after ?? "not set")" }
    }

    /// All of them, in the order of their keys.
    let all: [Change]

    /// Compares the texts of two inventories; nil where one cannot be read.
    init?(from old: [UInt8], to new: [UInt8]) {
        guard let old = Self.values(of: old), let new = Self.values(of: new) else { return nil }
        all = Set(old.keys).union(new.keys).sorted().compactMap { key in
            old[key] == new[key] ? nil : Change(key: key, before: old[key], after: new[key])
        }
    }

    /// Those that say where the platform is, and not how it is to be: the steps that are finished have
    /// left their changes there.
    var elsewhere: [Change] {
        all.filter { change in
            let parts = change.key.split(separator: ".").map(String.init)
            if Self.places.contains(parts[0]) { return true }
            return parts.count == 2 && Self.placesOfModules.contains(parts[1])
        }
    }

    private static let places: Set = ["hosts", "cluster", "postgres", "redis"]
    private static let placesOfModules: Set = ["namespace", "database", "databaseUser"]

    private static func values(of text: [UInt8]) -> [String: String]? {
        do {
            var values: [String: String] = [:]
            collect(try JSONSerialization.jsonObject(with: Data(text)), at: "", in: &values)
            return values
        } catch {
            return nil
        }
    }

    private static func collect(_ value: Any, at path: String, in values: inout [String: String]) {
        let prefix = path.isEmpty ? "" : "\(path)."
        switch value {
        case let object as [String: Any]:
            for (key, value) in object { collect(value, at: "\(prefix)\(key)", in: &values) }
        case let list as [Any]:
            for (index, value) in list.enumerated() {
                // Hosts have names, which stay the same where one is added before them.
                let name = (value as? [String: Any])?["name"] as? String
                collect(value, at: "\(prefix)\(name ?? "\(index)")", in: &values)
            }
        default: values[path] = "\(value)"
        }
    }
}
