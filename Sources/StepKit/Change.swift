public import Kubernetes

/// How sure a step can be that a change it reports is what a run will do.
public enum Certainty: String, Sendable, Codable, CaseIterable {
    /// Something tried it, or asked for the right to do it: the API server accepted it in a dry run, or the database answered.
    case proved
    /// It follows from what was read, and nothing has tried it, or it depends on something that an earlier step will make.
    case predicted
    /// Only a run can show it.
    case knownAfterApply = "cannot be known before"

    /// The word for people; the raw value is that of the files of plans, which does not change.
    public var label: String {
        switch self {
        case .proved, .predicted: rawValue
        case .knownAfterApply: "known after apply"
        }
    }
}

/// One difference from the desired state: its values for code, and its words for the operator.
///
/// Code decides by a change's values; nothing parses its words.
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
        /// Something is done that does not change it: a Job runs, a result is verified, a rollout is waited for.
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
        /// Something that is proved and not changed, by what it claims.
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
    /// What it is done to; `nil` if only the words say so.
    public let subject: Subject?
    /// The part of the subject: an object's field as `spec.replicas`, or a property such as `owner`; `nil` for all of it.
    public let field: String?
    /// The field's value now, `nil` if it is absent or unknown, `•••` if it must not be shown.
    public let old: String?
    /// Its value after the change, in the same notation.
    public let new: String?
    /// What would be done, as a phrase: `create database "support" owned by "support"`.
    public let summary: String
    /// How sure that is.
    public let certainty: Certainty
    /// What distinguishes the state it was found in from others that look the same, such as the resourceVersion of a Secret whose
    /// value must not be shown; compared when a plan is carried out, and never shown to people.
    public let startingPoint: String?

    /// Describes a change in words of its own; see the properties.
    ///
    /// Without `subject` two changes are the same if their words are.
    public init(
        _ summary: String, _ certainty: Certainty, _ action: Action = .change, _ subject: Subject? = nil,
        field: String? = nil, old: String? = nil, new: String? = nil, startingPoint: String? = nil
    ) {
        self.action = action
        self.subject = subject
        self.field = field
        self.old = old
        self.new = new
        self.summary = summary
        self.certainty = certainty
        self.startingPoint = startingPoint
    }

    /// Describes a change whose words follow from its values: `create Service a/b`, `Deployment a/b: spec.replicas: 1 → 2`.
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

    /// The same with every text passed through `rewrite`, as for leaving secrets out; the starting point, which consists of
    /// digests and versions, stays.
    public func rewritten(_ rewrite: (String) -> String) -> Change {
        Change(
            rewrite(summary), certainty, action, subject, field: field.map(rewrite), old: old.map(rewrite),
            new: new.map(rewrite), startingPoint: startingPoint)
    }
}
