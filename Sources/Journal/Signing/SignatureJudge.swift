public import Foundation

/// The verdict on one signature.
public enum SignatureVerdict: Sendable, Hashable {
    /// Valid, by an allowed signer: who, and with which key.
    case valid(signer: String, key: String)
    /// Valid, but the key is not that of an allowed signer: why.
    case unknownSigner(key: String, reason: String)
    /// It is no signature of the key that it names over this statement.
    case wrong(String)
}

/// Knows the allowed signers.
public protocol SignatureJudge: Sendable {
    /// Judges the text of a signature over `statement`, which says it was made at `time`.
    func judge(_ signature: String, over statement: [UInt8], at time: Date) -> SignatureVerdict
    /// The key that a signature names; nil where that cannot be told.
    func key(of signature: String) -> SignatureKeyFacts?
    /// Whether a bare signature is that of a plain ed25519 key over `data`.
    func isRight(_ signature: [UInt8], over data: [UInt8], byEd25519 key: [UInt8]) -> Bool
}

extension SignatureJudge {
    /// By default, what is told of the key is not compared with it.
    public func key(of signature: String) -> SignatureKeyFacts? { nil }
    /// By default, no key is known.
    public func isRight(_ signature: [UInt8], over data: [UInt8], byEd25519 key: [UInt8]) -> Bool { false }
}

/// The key of a signature.
public struct SignatureKeyFacts: Sendable, Hashable {
    /// Its type and fingerprint.
    public let name: String
    /// The public key, where it is a plain ed25519 key.
    public let ed25519: [UInt8]?

    /// Describes a key; see the properties.
    public init(name: String, ed25519: [UInt8]?) { (self.name, self.ed25519) = (name, ed25519) }
}

/// Whether the operator's key vouches for the log.
public struct Authenticity: Sendable, Hashable, Codable {
    /// Who signed, with which keys.
    public let signers: [String]
    /// The number of the last record that a right signature covers; 0 where none does.
    public let signedUpTo: Int
    /// Everything that keeps the log from being authentic.
    public let findings: [AuditFinding]
    /// Heads that were not signed, and that a later signature covers.
    public let notes: [String]

    /// Whether an allowed signer vouches for all records.
    public var holds: Bool { findings.isEmpty }
}
