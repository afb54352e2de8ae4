import ClientKit
import Foundation

/// Works out how live objects differ from what a dry run of applying makes of them.
///
/// Pure: both sides come from the API server, so that defaults, conversions and other managers' fields are on both.
enum Comparison {
    /// Where one object differs; empty where it is in place.
    static func fields(
        _ reference: ObjectReference, live: JSONValue, applied: JSONValue, sent: JSONValue? = nil
    ) -> [FieldDifference] {
        let managers = FieldManagers(of: live)
        // An address that the server gives is another one each time, and in older versions none in a dry run.
        let isGivenAddress = live["spec", "clusterIP"] == nil
        let applied = isGivenAddress ? applied.without(addresses) : applied
        let differences = AdmissionFields.leftOut(
            of: ValueDifference.between(comparable(live), comparable(applied)), sent, managers)
        return differences.map { difference in
            let manager = managers.manager(of: difference.path, otherThan: ClusterWriter.fieldManager)
            let isHidden = mustHide(difference.path, of: reference)
            return FieldDifference(
                path: difference.path.words,
                old: isHidden || mayBringSecrets(difference, isForeign: manager != nil)
                    ? difference.old.map { _ in FieldDifference.hidden } : difference.old?.words,
                new: isHidden ? difference.new.map { _ in FieldDifference.hidden } : difference.new?.words,
                managedBy: manager?.name, managedAt: manager?.time,
                startingPoint: isHidden ? version(of: live) : difference.old.flatMap { digest(ofLong: $0.words) })
        }
    }

    /// Where an object differs from the one that is to replace it, but for its name and what the cluster itself gives either.
    static func fields(
        _ reference: ObjectReference, replaced live: JSONValue, by new: JSONValue
    ) -> [FieldDifference] {
        let given: [[FieldStep]] = [
            [.field("metadata"), .field("name")], [.field("metadata"), .field("finalizers")],
            [.field("metadata"), .field("annotations"), .field("deployment.kubernetes.io/revision")],
        ]
        return fields(reference, live: live.without(given + addresses), applied: new.without(given + addresses))
    }

    private static let addresses: [[FieldStep]] = [
        [.field("spec"), .field("clusterIP")], [.field("spec"), .field("clusterIPs")],
    ]

    /// A Secret has no status that would change it all the time: its version tells one hidden value from the next.
    private static func version(of object: JSONValue) -> String? {
        object["metadata", "resourceVersion"]?.string.map { "resourceVersion \($0)" }
    }

    private static func digest(ofLong value: String) -> String? {
        guard FieldDifference.isLong(value) else { return nil }
        return "SHA-256 \(SHA256.hash(data: value.utf8).hex)"
    }

    /// The object without what the API server keeps for itself.
    private static func comparable(_ object: JSONValue) -> JSONValue {
        var members = object.members
        members["status"] = nil
        var metadata = members["metadata"]?.members ?? [:]
        for name in ["resourceVersion", "managedFields", "generation", "uid", "creationTimestamp", "selfLink"] {
            metadata[name] = nil
        }
        members["metadata"] = .object(metadata)
        return .object(members)
    }

    /// Whether the old value may be a password: that of a variable or an entry that goes and is none of ours, alone or with its
    /// container, or an address with a password in it, as the old scripts had in `REDIS_URL`.
    private static func mayBringSecrets(_ difference: ValueDifference, isForeign: Bool) -> Bool {
        if difference.old?.string?.contains(/:\/\/[^\/\s@]*:[^\/\s@]+@/) == true { return true }
        guard difference.new == nil else { return false }
        let parent = difference.path.dropLast().last
        if case .element? = difference.path.last {
            return [.field("env"), .field("containers"), .field("initContainers")].contains(parent)
        }
        return isForeign && difference.path.dropLast() == [.field("data")]
    }

    /// Whether a field may hold a secret: everything of a Secret object but its type and labels, and what client-side apply
    /// copied of any object, since older ConfigMaps had a password in `REDIS_URL`.
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

extension JSONValue {
    fileprivate func without(_ paths: [[FieldStep]]) -> JSONValue {
        paths.reduce(self) { $0.value(at: $1) == nil ? $0 : $0.setting($1[...], to: nil) }
    }
}
