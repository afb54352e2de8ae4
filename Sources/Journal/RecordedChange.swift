/// One change, as a record tells it.
public struct RecordedChange: Codable, Sendable, Hashable {
    /// What is done, as a phrase: `create database "support" owned by "support"`.
    public var words: String
    /// What is done with the object: `create`, `change`, `replace`, `remove` or `run`.
    public var action: String?
    /// What it is done to: `Deployment support/web`; nil where only the words tell.
    public var object: String?
    /// The part of the object: `spec.replicas`; nil for all of it.
    public var field: String?
    /// What the field was; nil where it was absent or is not known.
    public var before: String?
    /// What it became.
    public var after: String?
    /// Of a secret, whose values are not recorded: whether it became another.
    public var secret: Comparison?

    /// How two values that are not recorded compare.
    public enum Comparison: String, Codable, Sendable {
        /// It stays what it was.
        case same
        /// It becomes another.
        case different
    }

    /// Describes a change; see the properties.
    public init(
        _ words: String, action: String? = nil, object: String? = nil, field: String? = nil, before: String? = nil,
        after: String? = nil
    ) {
        self.words = words
        self.action = action
        self.object = object
        self.field = field
        self.before = before
        self.after = after
    }

    /// The same without the secrets that `redactor` knows; of these only whether they differ.
    func redacted(by redactor: Redactor) -> RecordedChange {
        var safe = RecordedChange(
            redactor.redact(words), action: action, object: object.map(redactor.redact),
            field: field.map(redactor.redact), before: before.map(redactor.redact), after: after.map(redactor.redact))
        guard let before, let after,
            [safe.before, safe.after].contains(where: { $0?.contains(Redactor.mask) ?? false })
        else { return safe }
        // What was hidden before it got here is told as a change because it differs.
        let isUnknown = before == Redactor.mask && after == Redactor.mask
        safe.secret = isUnknown || before != after ? .different : .same
        return safe
    }
}

extension RecordedChange: ExpressibleByStringInterpolation {
    /// A change that only its words tell.
    public init(stringLiteral words: String) { self.init(words) }
}
