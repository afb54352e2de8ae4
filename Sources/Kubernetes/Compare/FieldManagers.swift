import Foundation

/// Who manages which fields of a live object, read from its `metadata.managedFields`.
struct FieldManagers {
    private let entries: [(manager: String, time: Date?, fields: JSONValue)]

    init(of object: JSONValue) {
        entries = (object["metadata", "managedFields"]?.elements ?? []).compactMap { entry in
            guard let manager = entry["manager"]?.string, let fields = entry["fieldsV1"] else { return nil }
            return (manager, entry["time"]?.string.flatMap(Timestamp.date), fields)
        }
    }

    /// The manager other than `ours` that owns the field at `path` and wrote last.
    func manager(of path: [FieldStep], otherThan ours: String) -> (name: String, time: Date?)? {
        entries.filter { $0.manager != ours && Self.owns($0.fields, path[...]) }
            .max { ($0.time ?? .distantPast) < ($1.time ?? .distantPast) }
            .map { ($0.manager, $0.time) }
    }

    private static func owns(_ fields: JSONValue, _ path: ArraySlice<FieldStep>) -> Bool {
        guard let step = path.first else { return true }
        guard let inner = member(of: fields, for: step) else {
            // An empty set of fields is a leaf: whoever owns a list or object as a whole owns all that is in it.
            return fields.members.isEmpty
        }
        return owns(inner, path.dropFirst())
    }

    private static func member(of fields: JSONValue, for step: FieldStep) -> JSONValue? {
        switch step {
        case .field(let name): fields["f:\(name)"]
        case .index(let index): fields["i:\(index)"]
        case .element(let keys):
            fields.members.first { name, _ in
                guard name.hasPrefix("k:") else { return false }
                // A key that is no JSON matches nothing.
                let parsed = try? JSONValue(parsing: [UInt8](name.dropFirst(2).utf8))
                return parsed?.members == keys
            }?.value
        }
    }
}
