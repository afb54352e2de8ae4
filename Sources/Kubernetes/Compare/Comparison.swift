import ClientKit
import Foundation

/// Compares live objects with the result of a dry run.
///
/// Both sides come from the API server, so that both contain defaults, conversions and the fields
/// of other managers.
enum Comparison {
    /// The differences of one object; empty where it is as desired.
    static func fields(
        _ reference: ObjectReference, live: JSONValue, applied: JSONValue, sent: JSONValue? = nil
    ) -> [FieldDifference] {
        let managers = FieldManagers(of: live)
        // A dry run allocates a new cluster IP each time, and with older servers none.
        let isAllocated = live["spec", "clusterIP"] == nil
        let applied = isAllocated ? applied.without(addresses) : applied
        let differences = AdmissionFields.removed(
            from: ValueDifference.between(comparable(live), and: comparable(applied)), sent: sent,
            managers: managers)
        return differences.map { difference in
            let manager = managers.manager(
                of: difference.path, otherThan: ClusterWriter.fieldManager)
            let isHidden = mustHide(difference.path, of: reference)
            let hidesOld = isHidden || mayContainSecret(difference, isForeign: manager != nil)
            return FieldDifference(
                path: difference.path.displayText,
                old: hidesOld
                    ? difference.old.map { _ in FieldDifference.hidden }
                    : difference.old?.displayText,
                new: isHidden
                    ? difference.new.map { _ in FieldDifference.hidden }
                    : difference.new?.displayText,
                managedBy: manager?.name, managedAt: manager?.time,
                startingPoint: isHidden
                    ? version(of: live) : difference.old.flatMap { digest(ofLong: $0.displayText) },
                secrets: hidesOld
                    ? SecretUses(difference, of: reference, alsoNew: isHidden) : SecretUses())
        }
    }

    /// The differences between an object and its replacement, except for what the cluster sets
    /// itself.
    static func fields(
        _ reference: ObjectReference, replaced live: JSONValue, by new: JSONValue
    ) -> [FieldDifference] {
        let ignored: [[FieldStep]] = [
            [.field("metadata"), .field("name")], [.field("metadata"), .field("finalizers")],
            [
                .field("metadata"), .field("annotations"),
                .field("deployment.kubernetes.io/revision"),
            ],
        ]
        return fields(
            reference, live: live.without(ignored + addresses),
            applied: new.without(ignored + addresses))
    }

    private static let addresses: [[FieldStep]] = [
        [.field("spec"), .field("clusterIP")], [.field("spec"), .field("clusterIPs")],
    ]

    /// Identifies a hidden value; a Secret has no status whose updates would change its version.
    private static func version(of object: JSONValue) -> String? {
        object["metadata", "resourceVersion"]?.string.map { "resourceVersion \($0)" }
    }

    private static func digest(ofLong value: String) -> String? {
        guard FieldDifference.isLong(value) else { return nil }
        return "SHA-256 \(SHA256.hash(data: value.utf8).hex)"
    }

    /// The object without the fields that the API server maintains.
    private static func comparable(_ object: JSONValue) -> JSONValue {
        var members = object.members
        members["status"] = nil
        var metadata = members["metadata"]?.members ?? [:]
        for name in [
            "resourceVersion", "managedFields", "generation", "uid", "creationTimestamp",
            "selfLink",
        ] {
            metadata[name] = nil
        }
        members["metadata"] = .object(metadata)
        return .object(members)
    }

    /// Whether the old value may contain a password: a removed variable or entry that is not ours,
    /// alone or with its container, or a URL with a password in it, as the old scripts had in
    /// `REDIS_URL`.
    private static func mayContainSecret(_ difference: ValueDifference, isForeign: Bool) -> Bool {
        if difference.old?.string?.contains(/:\/\/[^\/\s@]*:[^\/\s@]+@/) == true { return true }
        guard difference.new == nil else { return false }
        let parent = difference.path.dropLast().last
        if case .element? = difference.path.last {
            return [.field("env"), .field("containers"), .field("initContainers")].contains(parent)
        }
        return isForeign && difference.path.dropLast() == [.field("data")]
    }

    /// Whether a field may contain a secret: everything in a Secret except its type and labels, and
    /// the copy that client-side apply keeps of any object, since older ConfigMaps had a password
    /// in `REDIS_URL`.
    private static func mustHide(_ path: [FieldStep], of reference: ObjectReference) -> Bool {
        if path == FieldManagers.lastApplied { return true }
        guard reference.kind == "Secret" else { return false }
        switch path.first {
        case .field("type"), .field("immutable"): return false
        case .field("metadata"): return path.count < 2 || path[1] != .field("labels")
        default: return true
        }
    }
}

extension SecretUses {
    /// The hidden values of one field.
    fileprivate init(
        _ difference: ValueDifference, of reference: ObjectReference, alsoNew: Bool
    ) {
        let isEncoded =
            reference.kind == "Secret" && difference.path.count == 2
            && difference.path.first == .field("data")
        self.init([
            SecretUse(
                before: difference.old.map { Self.fingerprint($0, isEncoded: isEncoded) },
                after: alsoNew ? difference.new.map { Self.fingerprint($0, isEncoded: isEncoded) } : nil)
        ])
    }

    /// What a Secret that is created holds; nothing for other objects.
    init(creating object: JSONValue) {
        guard object["kind"] == "Secret" else {
            self.init()
            return
        }
        self.init(
            [("data", true), ("stringData", false)].flatMap { name, isEncoded in
                (object[name]?.members ?? [:]).sorted { $0.key < $1.key }.map { key, value in
                    SecretUse(
                        field: "data.\(key)", after: Self.fingerprint(value, isEncoded: isEncoded))
                }
            })
    }

    /// Of what a program that uses the Secret sees, so that it matches the same password elsewhere.
    private static func fingerprint(_ value: JSONValue, isEncoded: Bool) -> SecretFingerprint {
        if isEncoded, let text = value.string, let content = Data(base64Encoded: text) {
            return SecretFingerprint(of: [UInt8](content))
        }
        return SecretFingerprint(of: Array(value.displayText.utf8))
    }
}

extension JSONValue {
    fileprivate func without(_ paths: [[FieldStep]]) -> JSONValue {
        paths.reduce(self) { $0.value(at: $1) == nil ? $0 : $0.setting($1[...], to: nil) }
    }
}
