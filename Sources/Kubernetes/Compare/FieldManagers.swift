import Foundation

/// Who manages which fields of a live object, read from its `metadata.managedFields`.
struct FieldManagers {
    private let entries: [Entry]

    private struct Entry {
        let manager: String
        let time: Date?
        let fields: JSONValue
        /// Whether it lists the fields that our applies have set.
        let isApplied: Bool
        /// Whether it lists the fields that somebody's server-side applies have set.
        let isApply: Bool
        let subresource: String?
    }

    init(of object: JSONValue) {
        entries = (object["metadata", "managedFields"]?.elements ?? []).compactMap { entry in
            guard let manager = entry["manager"]?.string, let fields = entry["fieldsV1"] else {
                return nil
            }
            return Entry(
                manager: manager, time: entry["time"]?.string.flatMap(Timestamp.date),
                fields: fields,
                isApplied: Self.isApplied(entry, to: object),
                isApply: entry["operation"] == "Apply",
                subresource: entry["subresource"]?.string)
        }
    }

    /// The annotation in which client-side `kubectl apply` keeps what it sent last.
    static let lastApplied: [FieldStep] = [
        .field("metadata"), .field("annotations"),
        .field("kubectl.kubernetes.io/last-applied-configuration"),
    ]

    /// Whether no manager is recorded: the server then attributes existing fields to an unknown
    /// manager at the first apply.
    var isEmpty: Bool { entries.isEmpty }

    /// Whether kubectl would migrate the fields of client-side applies to us, and so remove those
    /// that we do not send.
    ///
    /// From 1.26 on, `kubectl apply --server-side` does that after a real apply, but not in a dry
    /// run (kubernetes#125607), for each manager that wrote the annotation of client-side apply;
    /// where that annotation has no owner, it does nothing.
    var wouldBeMigrated: Bool {
        entries.contains { !$0.isApply && Self.owns(Self.lastApplied[...], in: $0.fields) }
    }

    /// The manager other than `ours` that owns the field at `path` and wrote last.
    func manager(of path: [FieldStep], otherThan ours: String) -> (name: String, time: Date?)? {
        entries.filter { $0.manager != ours && Self.owns(path[...], in: $0.fields) }
            .max { ($0.time ?? .distantPast) < ($1.time ?? .distantPast) }
            .map { ($0.manager, $0.time) }
    }

    /// The manager that wrote the field at `path` through a subresource, such as `resize`.
    func manager(of path: [FieldStep], through subresource: String) -> (name: String, time: Date?)? {
        entries.first { $0.subresource == subresource && Self.owns(path[...], in: $0.fields) }.map {
            ($0.manager, $0.time)
        }
    }

    /// Whether our apply would leave what is at `path` although it is not sent: it is not ours
    /// alone, and not inside a value that is replaced as a whole.
    func wouldKeep(_ path: [FieldStep]) -> Bool {
        let owners = entries.filter { Self.owns(path[...], in: $0.fields) }
        let isAtomic =
            !owners.isEmpty
            && owners.allSatisfy { Self.member(of: $0.fields, at: path[...]) == nil }
        return !isAtomic && (owners.contains { !$0.isApplied } || owners.isEmpty)
    }

    /// Whether our next apply may change the field at `path` without sending it: we set it before,
    /// or kubectl migrates it from a client-side apply.
    func mayChangeUnsent(_ path: [FieldStep]) -> Bool {
        isApplied(path)
            || entries.contains {
                $0.manager == "kubectl-client-side-apply" && Self.owns(path[...], in: $0.fields)
            }
    }

    /// Whether our applies have set the field at `path`.
    func isApplied(_ path: [FieldStep]) -> Bool {
        entries.contains { $0.isApplied && Self.owns(path[...], in: $0.fields) }
    }

    /// The `metadata.managedFields` of `object` without our ownership of `paths`, so that our next
    /// apply leaves these fields alone.
    static func givingUpOwnership(of paths: [[FieldStep]], in object: JSONValue) -> JSONValue {
        .array(
            (object["metadata", "managedFields"]?.elements ?? []).compactMap { entry in
                guard isApplied(entry, to: object), let fields = entry["fieldsV1"] else {
                    return entry
                }
                let left = paths.reduce(fields as JSONValue?) { fields, path in
                    fields.flatMap { remove(path[...], from: $0) }
                }
                return left.map { entry.setting([.field("fieldsV1")], to: $0) }
            })
    }

    /// The `metadata.managedFields` of `object` with us as the only owner of `paths`, so that our
    /// next apply removes these fields.
    ///
    /// The annotation of client-side apply then has no owner, so that kubectl migrates no other
    /// field. The rest of the object is unchanged: no controller reacts to this, and the apply that
    /// follows changes everything in one write.
    static func takingOwnership(of paths: [[FieldStep]], in object: JSONValue) -> JSONValue {
        let present = object["metadata", "managedFields"]?.elements ?? []
        // Of the fields inside, the server removes only those that we own.
        let inside = paths.map { path in
            present.compactMap { $0["fieldsV1"].flatMap { member(of: $0, at: path[...]) } }
                .reduce(JSONValue.object([:])) { $0.merging($1) }
        }
        var entries = present.compactMap { entry -> JSONValue? in
            guard !isApplied(entry, to: object), let fields = entry["fieldsV1"] else {
                return entry
            }
            let released = entry["operation"] == "Apply" ? paths : paths + [lastApplied]
            let left = released.reduce(fields as JSONValue?) { fields, path in
                fields.flatMap { remove(path[...], from: $0) }
            }
            return left.map { entry.setting([.field("fieldsV1")], to: $0) }
        }
        if !paths.isEmpty, !entries.contains(where: { isApplied($0, to: object) }) {
            entries.append([
                "manager": .string(ClusterWriter.fieldManager), "operation": "Apply",
                "apiVersion": object["apiVersion"] ?? .null, "fieldsType": "FieldsV1",
                "fieldsV1": [:],
            ])
        }
        return .array(
            entries.map { entry in
                guard isApplied(entry, to: object), let fields = entry["fieldsV1"] else {
                    return entry
                }
                return entry.setting(
                    [.field("fieldsV1")],
                    to: zip(paths, inside).reduce(fields) { add($1.0[...], with: $1.1, to: $0) })
            })
    }

    /// Whether an entry lists what our applies have set, in this version of the object's kind.
    private static func isApplied(_ entry: JSONValue, to object: JSONValue) -> Bool {
        entry["manager"]?.string == ClusterWriter.fieldManager && entry["operation"] == "Apply"
            && entry["apiVersion"] == object["apiVersion"]
    }

    private static func add(
        _ path: ArraySlice<FieldStep>, with inside: JSONValue, to fields: JSONValue
    ) -> JSONValue {
        guard let step = path.first else {
            return fields.merging(inside).setting([.field(".")], to: [:])
        }
        let name = name(of: step, in: fields)
        return fields.setting(
            [.field(name)], to: add(path.dropFirst(), with: inside, to: fields[name] ?? [:]))
    }

    /// The fields without those at `path`; `nil` where none are left.
    ///
    /// A `.` alone does not count: the server would read it as the ownership of everything inside.
    private static func remove(_ path: ArraySlice<FieldStep>, from fields: JSONValue) -> JSONValue? {
        guard let step = path.first, let inner = member(of: fields, for: step) else {
            return fields
        }
        let rest = path.dropFirst()
        let left = fields.setting(
            [.field(name(of: step, in: fields))], to: rest.isEmpty ? nil : remove(rest, from: inner)
        )
        return left.members.keys.allSatisfy { $0 == "." } ? nil : left
    }

    private static func owns(_ path: ArraySlice<FieldStep>, in fields: JSONValue) -> Bool {
        guard let step = path.first else { return true }
        guard let inner = member(of: fields, for: step) else {
            // An empty set of fields is a leaf: the owner of a whole list or object owns everything
            // in it.
            return fields.members.isEmpty
        }
        return owns(path.dropFirst(), in: inner)
    }

    private static func member(of fields: JSONValue, at path: ArraySlice<FieldStep>) -> JSONValue? {
        path.reduce(fields as JSONValue?) { fields, step in
            fields.flatMap { member(of: $0, for: step) }
        }
    }

    private static func member(of fields: JSONValue, for step: FieldStep) -> JSONValue? {
        fields[name(of: step, in: fields)]
    }

    /// The name of the step in `fields`, or the name it would have.
    private static func name(of step: FieldStep, in fields: JSONValue) -> String {
        switch step {
        case .field(let name): return "f:\(name)"
        case .index(let index): return "i:\(index)"
        case .element(let key):
            let present = fields.members.keys.first { name in
                guard name.hasPrefix("k:") else { return false }
                // A key that is not JSON matches nothing.
                let parsed = try? JSONValue(parsing: [UInt8](name.dropFirst(2).utf8))
                return parsed?.members == key
            }
            return present ?? "k:"
                + String(decoding: JSONValue.object(key).serialized(), as: UTF8.self)
        }
    }
}

extension JSONValue {
    fileprivate func merging(_ other: JSONValue) -> JSONValue {
        .object(members.merging(other.members) { $0.merging($1) })
    }
}
