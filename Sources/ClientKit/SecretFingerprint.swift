/// Tells whether two secrets that one process used are the same, and tells nobody anything else.
///
/// It is an HMAC with SHA-256 whose key the process makes at random and keeps in its memory: without
/// the key no guess can be tried, and no two processes give one secret the same fingerprint.
public struct SecretFingerprint: Sendable, Hashable, CustomStringConvertible {
    private static let key: [UInt8] = {
        var random = SystemRandomNumberGenerator()
        return (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    }()

    /// The fingerprint in hexadecimal digits.
    public let description: String

    /// The fingerprint of `secret`.
    public init(of secret: Secret) { self.init(of: Array(secret.reveal().utf8)) }

    /// The fingerprint of a secret that need not be text.
    public init(of bytes: [UInt8]) {
        description = hmacSHA256(bytes, key: Self.key).hex
    }
}

extension SecretFingerprint: Codable {
    /// Reads a fingerprint that some process made.
    public init(from decoder: any Decoder) throws {
        description = try decoder.singleValueContainer().decode(String.self)
    }

    /// Writes the digits.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// What a change does to one secret, told by fingerprints.
public struct SecretUse: Sendable, Hashable, Codable {
    /// Where the secret is, where the change is about more than that: `data.password`.
    public var field: String?
    /// What it was; nil where there was none, or nobody can tell.
    public var before: SecretFingerprint?
    /// What it becomes; nil where it is removed, or nobody can tell yet.
    public var after: SecretFingerprint?

    /// Describes a use; see the properties.
    public init(
        field: String? = nil, before: SecretFingerprint? = nil, after: SecretFingerprint? = nil
    ) {
        (self.field, self.before, self.after) = (field, before, after)
    }

    /// Whether the secret stays what it was.
    public var isSame: Bool { before != nil && before == after }
}

/// The secrets of a change, which are no part of what makes two changes the same: other processes
/// give the same secrets other fingerprints.
public struct SecretUses: Sendable, Hashable {
    /// One a secret.
    public var list: [SecretUse]

    /// Collects uses.
    public init(_ list: [SecretUse] = []) { self.list = list }

    /// Always true.
    public static func == (left: SecretUses, right: SecretUses) -> Bool { true }

    /// Adds nothing.
    public func hash(into hasher: inout Hasher) {}
}
