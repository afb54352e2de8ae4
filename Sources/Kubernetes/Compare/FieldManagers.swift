import Foundation

/// Who manages which fields of a live object, read from its `metadata.managedFields`.
struct FieldManagers {
    private let entries: [Entry]

    private struct Entry {
        let manager: String
        let time: Date?
        let fields: JSONValue
        /// Whether it is what our applies have set.
        let isApplied: Bool
        /// Whether it is what anybody's server-side applies have set.
        let isApply: Bool
        let subresource: String?
    }

    init(of object: JSONValue) {
        entries = (object["metadata", "managedFields"]?.elements ?? []).compactMap { entry in
            guard let manager = entry["manager"]?.string, let fields = entry["fieldsV1"] else { return nil }
            return Entry(
                manager: manager, time: entry["time"]?.string.flatMap(Timestamp.date), fields: fields,
                isApplied: Self.isApplied(entry, to: object), isApply: entry["operation"] == "Apply",
                subresource: entry["subresource"]?.string)
        }
    }

    /// Where `kubectl apply` keeps what it sent last.
    static let lastApplied: [FieldStep] = [
        .field("metadata"), .field("annotations"), .field("kubectl.kubernetes.io/last-applied-configuration"),
    ]

    /// Whether nobody is recorded: then the server takes the first apply's other fields for an unknown manager's.
    var isEmpty: Bool { entries.isEmpty }

    /// Whether kubectl would make all that somebody applied client-side ours, and so remove what we do not send of it.
    ///
    /// From 1.26 on `kubectl apply --server-side` does so after a real apply, and not in a dry run (kubernetes#125607), for
    /// each manager that wrote the annotation of client-side apply. Where nobody owns that, it does nothing.
    var wouldBeMigrated: Bool { entries.contains { !$0.isApply && Self.owns($0.fields, Self.lastApplied[...]) } }

    /// The manager other than `ours` that owns the field at `path` and wrote last.
    func manager(of path: [FieldStep], otherThan ours: String) -> (name: String, time: Date?)? {
        entries.filter { $0.manager != ours && Self.owns($0.fields, path[...]) }
            .max { ($0.time ?? .distantPast) < ($1.time ?? .distantPast) }
            .map { ($0.manager, $0.time) }
    }

    /// The manager that wrote the field at `path` through a subresource, such as `resize`.
    func manager(of path: [FieldStep], through subresource: String) -> (name: String, time: Date?)? {
        entries.first { $0.subresource == subresource && Self.owns($0.fields, path[...]) }.map { ($0.manager, $0.time) }
    }

    /// Whether our apply would leave what is at `path` although it is not sent: it is not ours alone, and not inside of a
    /// value that is replaced as a whole.
    func wouldKeep(_ path: [FieldStep]) -> Bool {
        let owners = entries.filter { Self.owns($0.fields, path[...]) }
        let isAtomic =
            !owners.isEmpty && owners.allSatisfy { Self.member(of: $0.fields, at: path[...]) == nil }
        return !isAtomic && (owners.contains { !$0.isApplied } || owners.isEmpty)
    }

    /// Whether our next apply may change the field at `path` without sending it: what it set before, and what kubectl takes over
    /// from its client-side applies.
    func isToldByApply(_ path: [FieldStep]) -> Bool {
        isApplied(path)
            || entries.contains { $0.manager == "kubectl-client-side-apply" && Self.owns($0.fields, path[...]) }
    }

    /// Whether our applies have set the field at `path`.
    func isApplied(_ path: [FieldStep]) -> Bool {
        entries.contains { $0.isApplied && Self.owns($0.fields, path[...]) }
    }

    /// The `metadata.managedFields` of `object` with what is at `paths` no more ours, so that our next apply leaves it.
    static func givingUp(_ paths: [[FieldStep]], in object: JSONValue) -> JSONValue {
        .array(
            (object["metadata", "managedFields"]?.elements ?? []).compactMap { entry in
                guard isApplied(entry, to: object), let fields = entry["fieldsV1"] else { return entry }
                let left = paths.reduce(fields as JSONValue?) { fields, path in
                    fields.flatMap { remove(path[...], from: $0) }
                }
                return left.map { entry.setting([.field("fieldsV1")], to: $0) }
            })
    }

    /// The `metadata.managedFields` of `object` with what is at `paths` ours alone, so that our next apply removes it.
    ///
    /// The annotation of client-side apply is nobody's then, so that kubectl moves no other field.
    /// The object itself stays as it is: nothing reacts to it, and the apply changes everything in one write.
    static func claiming(_ paths: [[FieldStep]], in object: JSONValue) -> JSONValue {
        let present = object["metadata", "managedFields"]?.elements ?? []
        // Of what is inside, the server removes only what it finds to be ours.
        let inside = paths.map { path in
            present.compactMap { $0["fieldsV1"].flatMap { member(of: $0, at: path[...]) } }.reduce([:], merging)
        }
        var entries = present.compactMap { entry -> JSONValue? in
            guard !isApplied(entry, to: object), let fields = entry["fieldsV1"] else { return entry }
            let released = entry["operation"] == "Apply" ? paths : paths + [lastApplied]
            let left = released.reduce(fields as JSONValue?) { fields, path in
                fields.flatMap { remove(path[...], from: $0) }
            }
            return left.map { entry.setting([.field("fieldsV1")], to: $0) }
        }
        if !paths.isEmpty, !entries.contains(where: { isApplied($0, to: object) }) {
            entries.append([
                "manager": .string(ClusterWriter.fieldManager), "operation": "Apply",
                "apiVersion": object["apiVersion"] ?? .null, "fieldsType": "FieldsV1", "fieldsV1": [:],
            ])
        }
        return .array(
            entries.map { entry in
                guard isApplied(entry, to: object), let fields = entry["fieldsV1"] else { return entry }
                return entry.setting(
                    [.field("fieldsV1")], to: zip(paths, inside).reduce(fields) { add($1.0[...], with: $1.1, to: $0) })
            })
    }

    /// Whether an entry is what our applies of this version of the object's kind have set.
    private static func isApplied(_ entry: JSONValue, to object: JSONValue) -> Bool {
        entry["manager"]?.string == ClusterWriter.fieldManager && entry["operation"] == "Apply"
            && entry["apiVersion"] == object["apiVersion"]
    }

    private static func add(_ path: ArraySlice<FieldStep>, with inside: JSONValue, to fields: JSONValue) -> JSONValue {
        guard let step = path.first else { return merging(fields, inside).setting([.field(".")], to: [:]) }
        let name = name(of: step, in: fields)
        return fields.setting([.field(name)], to: add(path.dropFirst(), with: inside, to: fields[name] ?? [:]))
    }

    private static func merging(_ first: JSONValue, _ second: JSONValue) -> JSONValue {
        .object(first.members.merging(second.members, uniquingKeysWith: merging))
    }

    /// The fields without what is at `path`; `nil` where nothing else is left of them.
    ///
    /// A `.` alone is nothing: the server would read it as the ownership of everything inside.
    private static func remove(_ path: ArraySlice<FieldStep>, from fields: JSONValue) -> JSONValue? {
        guard let step = path.first, let inner = member(of: fields, for: step) else { return fields }
        let rest = path.dropFirst()
        let left = fields.setting(
            [.field(name(of: step, in: fields))], to: rest.isEmpty ? nil : remove(rest, from: inner))
        return left.members.keys.allSatisfy { $0 == "." } ? nil : left
    }

    private static func owns(_ fields: JSONValue, _ path: ArraySlice<FieldStep>) -> Bool {
        guard let step = path.first else { return true }
        guard let inner = member(of: fields, for: step) else {
            // An empty set of fields is a leaf: whoever owns a list or object as a whole owns all that is in it.
            return fields.members.isEmpty
        }
        return owns(inner, path.dropFirst())
    }

    private static func member(of fields: JSONValue, at path: ArraySlice<FieldStep>) -> JSONValue? {
        path.reduce(fields as JSONValue?) { fields, step in fields.flatMap { member(of: $0, for: step) } }
    }

    private static func member(of fields: JSONValue, for step: FieldStep) -> JSONValue? {
        fields[name(of: step, in: fields)]
    }

    /// How `fields` writes the step, or would.
    private static func name(of step: FieldStep, in fields: JSONValue) -> String {
        switch step {
        case .field(let name): return "f:\(name)"
        case .index(let index): return "i:\(index)"
        case .element(let key):
            let present = fields.members.keys.first { name in
                guard name.hasPrefix("k:") else { return false }
                // A key that is no JSON matches nothing.
                let parsed = try? JSONValue(parsing: [UInt8](name.dropFirst(2).utf8))
                return parsed?.members == key
            }
            return present ?? "k:" + String(decoding: JSONValue.object(key).serialized(), as: UTF8.self)
        }
    }
}
