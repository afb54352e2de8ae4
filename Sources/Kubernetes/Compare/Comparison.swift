import Crypto
import Foundation

/// Works out how live objects differ from what a dry run of applying makes of them.
///
/// Pure: both sides come from the API server, so that defaults, conversions and other managers' fields are on both.
enum Comparison {
    /// The difference of one object; `nil` where it is in place.
    static func difference(
        _ reference: ObjectReference, live: JSONValue, applied: JSONValue, sent: JSONValue? = nil
    ) -> ObjectDifference? {
        let managers = FieldManagers(of: live)
        let differences = AdmissionFields.leftOut(
            of: ValueDifference.between(comparable(live), comparable(applied)), sent, managers)
        let fields = differences.map { difference in
            let manager = managers.manager(of: difference.path, otherThan: ClusterWriter.fieldManager)
            let isHidden = mustHide(difference.path, of: reference)
            return FieldDifference(
                path: difference.path.words,
                old: isHidden || mayBringSecrets(difference)
                    ? difference.old.map { _ in FieldDifference.hidden } : difference.old?.words,
                new: isHidden ? difference.new.map { _ in FieldDifference.hidden } : difference.new?.words,
                managedBy: manager?.name, managedAt: manager?.time,
                startingPoint: isHidden ? version(of: live) : difference.old.flatMap { digest(ofLong: $0.words) })
        }
        guard !fields.isEmpty else { return nil }
        return ObjectDifference(reference: reference, kind: .change, fields: fields, certainty: .proved)
    }

    /// A Secret has no status that would change it all the time: its version tells one hidden value from the next.
    private static func version(of object: JSONValue) -> String? {
        object["metadata", "resourceVersion"]?.string.map { "resourceVersion \($0)" }
    }

    private static func digest(ofLong value: String) -> String? {
        guard FieldDifference.isLong(value) else { return nil }
        return "SHA-256 " + SHA256.hash(data: Data(value.utf8)).map { String(format: "%02x", $0) }.joined()
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

    /// Whether a variable goes, alone or with its container, that is none of ours: its value may be a password.
    private static func mayBringSecrets(_ difference: ValueDifference) -> Bool {
        guard difference.new == nil, case .element? = difference.path.last else { return false }
        return [.field("env"), .field("containers"), .field("initContainers")].contains(difference.path.dropLast().last)
    }

    /// Whether a field may hold a secret: everything of a Secret object but its type and labels.
    ///
    /// Its annotations may, since client-side apply copies the whole object into one.
    private static func mustHide(_ path: [FieldStep], of reference: ObjectReference) -> Bool {
        guard reference.kind == "Secret" else { return false }
        switch path.first {
        case .field("type"), .field("immutable"): return false
        case .field("metadata"): return path.count < 2 || path[1] != .field("labels")
        default: return true
        }
    }
}
