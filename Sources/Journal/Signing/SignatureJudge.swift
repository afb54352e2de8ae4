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
