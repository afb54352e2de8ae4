public import ClientKit

/// The difference between an object in the cluster and its manifest.
public struct ObjectDifference: Sendable, Hashable {
    /// What applying would do to the object.
    public enum Kind: String, Sendable, Codable {
        /// Create it.
        case create
        /// Change it in place.
        case change
        /// Delete it and create it again, since some of its fields cannot be changed in place.
        case replace
    }

    /// How certain the difference is.
    public enum DryRunCertainty: Sendable, Hashable {
        /// The API server accepted it in a dry run.
        case proved
        /// It could not be tried in a dry run, for this reason.
        case predicted(String)
    }

    /// The object.
    public let reference: ObjectReference
    /// What applying would do.
    public let kind: Kind
    /// The fields that differ; empty for an object to create.
    public let fields: [FieldDifference]
    /// How certain it is.
    public let certainty: DryRunCertainty
    /// The fields that require a replacement, such as `spec.selector`; empty for other differences.
    public let immutableFields: [String]
    /// What has to be deleted first, as the end of a sentence: `the existing one is deleted`.
    public let precondition: String?
    /// The fingerprints of what a Secret that is created holds.
    public let secrets: SecretUses

    /// Describes a difference; see the properties.
    public init(
        reference: ObjectReference, kind: Kind, fields: [FieldDifference] = [],
        certainty: DryRunCertainty,
        immutableFields: [String] = [], precondition: String? = nil,
        secrets: SecretUses = SecretUses()
    ) {
        self.reference = reference
        self.kind = kind
        self.fields = fields
        self.certainty = certainty
        self.immutableFields = immutableFields
        self.precondition = precondition
        self.secrets = secrets
    }

    /// What is done to the object as a whole; `nil` where only ``fields`` of it are changed.
    public var headline: String? {
        switch kind {
        case .create: "create \(reference)\(precondition.map { " once \($0)" } ?? "")"
        case .change: nil
        case .replace:
            "replace \(reference), because \(immutableFields.joined(separator: " and ")) cannot be changed in place"
                + (ImmutableFields.interruption(byReplacing: reference.kind).map { ": \($0)" } ?? "")
        }
    }

    /// The difference for display: the ``headline``, then one line per field.
    public var lines: [String] {
        (headline.map { [$0] } ?? []) + fieldLines
    }

    /// The ``fields`` for display, one line each.
    public var fieldLines: [String] { fields.map { "\(reference): \($0)" } }
}
