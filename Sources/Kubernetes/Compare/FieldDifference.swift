public import ClientKit
public import Foundation

/// The difference of one field.
public struct FieldDifference: Sendable, Hashable, CustomStringConvertible {
    /// Its path: `spec.template.spec.containers[web].image`.
    public let path: String
    /// The present value, as JSON but with strings unquoted; `nil` where it is absent, `•••` where
    /// it is hidden.
    public let old: String?
    /// The desired value, in the same notation.
    public let new: String?
    /// The other manager of the field, where there is one: `kubectl-edit`,
    /// `horizontal-pod-autoscaler` ….
    public let managedBy: String?
    /// When that manager wrote last.
    public let managedAt: Date?
    /// Identifies the old value where ``description`` hides or shortens it.
    public let startingPoint: String?
    /// The fingerprints of the values that are hidden.
    public let secrets: SecretUses

    /// Describes a difference; see the properties.
    public init(
        path: String, old: String?, new: String?, managedBy: String? = nil, managedAt: Date? = nil,
        startingPoint: String? = nil, secrets: SecretUses = SecretUses()
    ) {
        self.path = path
        self.old = old
        self.new = new
        self.managedBy = managedBy
        self.managedAt = managedAt
        self.startingPoint = startingPoint
        self.secrets = secrets
    }

    /// The placeholder for a value that must not be shown.
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

    /// Whether ``description`` shortens `value`.
    static func isLong(_ value: String) -> Bool { value.utf8.count > 160 }
}
