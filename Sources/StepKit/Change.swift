public import ClientKit
public import Kubernetes

/// How certain a step is that a run will make a change that it reports.
public enum Certainty: String, Sendable, Codable, CaseIterable {
    /// It was tried or its permission was checked: the API server accepted it in a dry run, or the
    /// database confirmed it.
    case proved
    /// It follows from what was read but could not be tried, or it depends on something that an
    /// earlier step will create.
    case predicted
    /// Only a run can show it.
    case knownAfterApply = "cannot be known before"

    /// The label shown to people; the raw value is the one in plan files, which never changes.
    public var label: String {
        switch self {
        case .proved, .predicted: rawValue
        case .knownAfterApply: "known after apply"
        }
    }
}

/// One difference from the desired state: values for code, and a summary for the operator.
///
/// Code decides by the values; nothing parses the summary.
public struct Change: Sendable, Hashable, Codable {
    /// What is done to a subject, or to its field where one is named.
    public enum Action: String, Sendable, Codable {
        /// It is missing and is created.
        case create
        /// It is changed in place.
        case change
        /// It cannot be changed in place: it is deleted and recreated.
        case replace
        /// It is removed.
        case remove
        /// Something that does not change the subject itself: a Job, a verification, waiting for a
        /// rollout.
        case run
    }

    /// What a change is about.
    public enum Subject: Sendable, Hashable, Codable, CustomStringConvertible {
        /// An object of the cluster.
        case object(kind: String, namespace: String?, name: String)
        /// A database on the PostgreSQL service.
        case database(name: String)
        /// A role of the PostgreSQL service.
        case role(name: String)
        /// A host, with its firewall and its files.
        case node(name: String)
        /// A numbered database of the Redis service.
        case redis(database: Int)
        /// A file on the operator's machine.
        case file(name: String)
        /// A claim that is verified; nothing is changed.
        case proof(claim: String)

        /// An object of the cluster.
        public init(_ reference: ObjectReference) {
            self = .object(kind: reference.kind, namespace: reference.namespace, name: reference.name)
        }

        /// `Deployment support/web`, `database "support"`.
        public var description: String {
            switch self {
            case .object(let kind, let namespace, let name): "\(kind) \(namespace.map { "\($0)/" } ?? "")\(name)"
            case .database(let name): "database \"\(name)\""
            case .role(let name): "role \"\(name)\""
            case .node(let name): name
            case .redis(let database): "Redis database \(database)"
            case .file(let name): name
            case .proof(let claim): "proof that \(claim)"
            }
        }
    }

    /// What is done.
    public let action: Action
    /// What it is done to; `nil` if only the summary says so.
    public let subject: Subject?
    /// The part of the subject: an object's field as `spec.replicas`, or a property such as
    /// `owner`; `nil` for all of it.
    public let field: String?
    /// The field's value now, `nil` if it is absent or unknown, `•••` if it must not be shown.
    public let old: String?
    /// Its value after the change, in the same notation.
    public let new: String?
    /// What would be done, as a phrase: `create database "support" owned by "support"`.
    public let summary: String
    /// How certain that is.
    public let certainty: Certainty
    /// Distinguishes the state it was found in from others that look the same, such as the
    /// resourceVersion of a Secret whose value must not be shown.
    ///
    /// Compared when a plan is carried out, and never shown to people.
    public let startingPoint: String?
    /// The fingerprints of the secrets that it puts into place; no plan keeps them.
    public private(set) var secrets = SecretUses()

    private enum CodingKeys: String, CodingKey {
        case action, subject, field, old, new, summary, certainty, startingPoint
    }

    /// Describes a change with its own summary; see the properties.
    ///
    /// Without a `subject`, two changes are the same if their summaries are.
    public init(
        _ summary: String, _ certainty: Certainty, _ action: Action = .change, _ subject: Subject? = nil,
        field: String? = nil, old: String? = nil, new: String? = nil, startingPoint: String? = nil,
        secrets: SecretUses = SecretUses()
    ) {
        self.action = action
        self.subject = subject
        self.field = field
        self.old = old
        self.new = new
        self.summary = summary
        self.certainty = certainty
        self.startingPoint = startingPoint
        self.secrets = secrets
    }

    /// Describes a change whose summary follows from its values: `create Service a/b`,
    /// `Deployment a/b: spec.replicas: 1 → 2`.
    public init(
        _ action: Action, _ subject: Subject, field: String? = nil, old: String? = nil, new: String? = nil,
        _ certainty: Certainty, startingPoint: String? = nil
    ) {
        let words =
            field.map { "\(subject): \(FieldDifference(path: $0, old: old, new: new))" }
            ?? "\(action.rawValue) \(subject)"
        self.init(
            words, certainty, action, subject, field: field, old: old, new: new, startingPoint: startingPoint)
    }

    /// The same change with every text passed through `rewrite`, such as a redactor.
    ///
    /// The starting point, which consists of digests and versions, is kept.
    public func rewritten(_ rewrite: (String) -> String) -> Change {
        Change(
            rewrite(summary), certainty, action, subject, field: field.map(rewrite), old: old.map(rewrite),
            new: new.map(rewrite), startingPoint: startingPoint, secrets: secrets)
    }

    /// The same, known to put these secrets into place, each with its place where the change is about
    /// more than one.
    public func using(_ secrets: [(field: String?, value: Secret)]) -> Change {
        var change = self
        change.secrets = SecretUses(
            secrets.map { SecretUse(field: $0.field, after: SecretFingerprint(of: $0.value)) })
        return change
    }
}
