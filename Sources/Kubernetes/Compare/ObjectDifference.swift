public import Foundation

/// How one object of the cluster differs from what it shall be.
public struct ObjectDifference: Sendable, Hashable {
    /// What applying would do to the object.
    public enum Kind: String, Sendable, Codable {
        /// It is missing.
        case create
        /// It is there, with other contents.
        case change
        /// It is there, and must be deleted and made anew, since what differs cannot be changed in place.
        case replace
    }

    /// How sure the difference is.
    public enum Certainty: Sendable, Hashable {
        /// The API server accepted it in a dry run.
        case proved
        /// It could not be tried, for this reason.
        case predicted(String)
    }

    /// The object.
    public let reference: ObjectReference
    /// What applying would do.
    public let kind: Kind
    /// The fields that differ; empty for an object to create.
    public let fields: [FieldDifference]
    /// How sure it is.
    public let certainty: Certainty
    /// The fields for whose sake it is replaced: `spec.selector`; empty for every other kind of difference.
    public let unchangeable: [String]
    /// What must be gone first, as the end of a sentence: `the present one, which is being deleted, is gone`.
    public let waitsUntil: String?

    /// Describes a difference; see the properties.
    public init(
        reference: ObjectReference, kind: Kind, fields: [FieldDifference] = [], certainty: Certainty,
        unchangeable: [String] = [], waitsUntil: String? = nil
    ) {
        self.reference = reference
        self.kind = kind
        self.fields = fields
        self.certainty = certainty
        self.unchangeable = unchangeable
        self.waitsUntil = waitsUntil
    }

    /// What is done to the object as a whole, for reading; `nil` where only ``fields`` of it are changed.
    public var headline: String? {
        switch kind {
        case .create: "create \(reference)\(waitsUntil.map { ", after \($0)" } ?? "")"
        case .change: nil
        case .replace:
            "replace \(reference), since \(unchangeable.joined(separator: " and ")) cannot be changed in place"
                + (ImmutableFields.interruption(byReplacing: reference.kind).map { ": \($0)" } ?? "")
        }
    }

    /// The difference for reading: the ``headline``, then one line a field.
    public var words: [String] {
        (headline.map { [$0] } ?? []) + fieldWords
    }

    /// The ``fields`` for reading.
    public var fieldWords: [String] { fields.map { "\(reference): \($0)" } }
}

/// How one field differs.
public struct FieldDifference: Sendable, Hashable, CustomStringConvertible {
    /// Where it is: `spec.template.spec.containers[web].image`.
    public let path: String
    /// What it is, as JSON with bare strings; `nil` where it is absent, `•••` where it must not be shown.
    public let old: String?
    /// What it shall be, in the same notation.
    public let new: String?
    /// Who else manages the field, where somebody does: `kubectl-edit`, `horizontal-pod-autoscaler` ….
    public let managedBy: String?
    /// When that manager wrote last.
    public let managedAt: Date?
    /// What tells the old value from others that ``description`` words alike, since it hides or shortens them.
    public let startingPoint: String?

    /// Describes a difference; see the properties.
    public init(
        path: String, old: String?, new: String?, managedBy: String? = nil, managedAt: Date? = nil,
        startingPoint: String? = nil
    ) {
        self.path = path
        self.old = old
        self.new = new
        self.managedBy = managedBy
        self.managedAt = managedAt
        self.startingPoint = startingPoint
    }

    /// What stands for a value that must not be shown.
    public static let hidden = "•••"

    /// `spec.replicas: 3 → 2 (set by kubectl-edit, 2026-11-24T09:05:43Z)`.
    public var description: String {
        let change =
            switch (old, new) {
            case (Self.hidden?, Self.hidden?): "changed"
            case (nil, Self.hidden?): "added"
            case (Self.hidden?, nil): "removed"
            case (let old?, let new?): "\(Self.short(old)) → \(Self.short(new))"
            case (nil, let new?): "added: \(Self.short(new))"
            case (let old?, nil): "removed: \(Self.short(old))"
            case (nil, nil): "changed"
            }
        let manager = managedBy.map { name in
            " (set by \(name)\(managedAt.map { ", \(Timestamp.text($0))" } ?? ""))"
        }
        return "\(path): \(change)\(manager ?? "")"
    }

    private static func short(_ value: String) -> String {
        let line = value.replacing("\n", with: "⏎")
        return isLong(value) ? "\(line.prefix(140))… (\(value.utf8.count) bytes)" : line
    }

    /// Whether ``description`` shows the beginning of `value` only.
    static func isLong(_ value: String) -> Bool { value.utf8.count > 160 }
}
