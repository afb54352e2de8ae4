public import ClientKit

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
    /// The fingerprints of the secrets that it concerns, as far as they are known.
    public var secrets: [SecretUse]?

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
        after: String? = nil, secrets: [SecretUse] = []
    ) {
        self.words = words
        self.action = action
        self.object = object
        self.field = field
        self.before = before
        self.after = after
        self.secrets = secrets.isEmpty ? nil : secrets
    }

    /// The same without the secrets that `redactor` knows; of these only whether they differ, and
    /// their fingerprints.
    func redacted(by redactor: Redactor) -> RecordedChange {
        let known = (secrets ?? []).filter { $0.before != nil || $0.after != nil }.map { use in
            SecretUse(field: use.field.map(redactor.redact), before: use.before, after: use.after)
        }
        var safe = RecordedChange(
            redactor.redact(words), action: action, object: object.map(redactor.redact),
            field: field.map(redactor.redact), before: before.map(redactor.redact), after: after.map(redactor.redact),
            secrets: known)
        guard safe.isOfSecret else { return safe }
        if known.isEmpty {
            let use = SecretUse(
                before: Self.fingerprint(before, hidden: safe.before),
                after: Self.fingerprint(after, hidden: safe.after))
            if use.before != nil || use.after != nil { safe.secrets = [use] }
            // What was hidden before it got here is told as a change because it differs.
            let isKept = before != nil && before == after && before != Redactor.mask
            safe.secret = isKept ? .same : .different
        } else {
            safe.secret = known.allSatisfy(\.isSame) ? .same : .different
        }
        return safe
    }

    private var isOfSecret: Bool {
        secrets != nil || [before, after].contains { $0?.contains(Redactor.mask) ?? false }
    }

    /// The fingerprint of a value that was hidden here.
    private static func fingerprint(_ value: String?, hidden: String?) -> SecretFingerprint? {
        guard let value, value != hidden else { return nil }
        return SecretFingerprint(of: Secret(value))
    }
}

extension RecordedChange: ExpressibleByStringInterpolation {
    /// A change that only its words tell.
    public init(stringLiteral words: String) { self.init(words) }
}
