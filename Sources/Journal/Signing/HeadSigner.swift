public import Foundation

/// What is signed at the end of each step and of the run: where the log stood, how long it was, and
/// when.
public struct HeadStatement: Codable, Sendable, Hashable {
    /// The version of the file's format.
    public let format: Int
    /// The run.
    public let run: RunID
    /// The step that ended; nil at the end of the run.
    public let step: String?
    /// The last record, which all records before it are chained to.
    public let head: AuditHead
    /// How many bytes the log had up to there.
    public let bytes: Int
    /// When it was signed, by the wall clock; the record of the signature has the same time since format 2.
    public let time: Date
    /// Milliseconds since the process opened the run, as in the record of the signature; nil in format 1.
    public let elapsed: Int?

    enum CodingKeys: String, CodingKey {
        case format, run, step, head, bytes, time
        case elapsed = "elapsed_ms"
    }
}

/// A signature over a ``HeadStatement``.
public struct HeadSignature: Sendable, Hashable {
    /// The key in words: its type and fingerprint.
    public let key: String
    /// The signature in the form that `ssh-keygen -Y verify` reads.
    public let text: String
    /// The public key, where it is a plain ed25519 key, which in-toto takes.
    public let ed25519Key: [UInt8]?

    /// Takes what a key signed.
    public init(key: String, text: String, ed25519Key: [UInt8]? = nil) {
        (self.key, self.text, self.ed25519Key) = (key, text, ed25519Key)
    }
}

/// Why a head was not signed; the log says so, and the run goes on.
public struct SigningRefusal: Error, Sendable, Hashable {
    /// What came back, in words.
    public let cause: String
    /// What to do, in words.
    public let remedy: String

    /// Describes a refusal.
    public init(cause: String, remedy: String) { (self.cause, self.remedy) = (cause, remedy) }
}

/// The operator's key, as the journal uses it.
public protocol HeadSigner: Sendable {
    /// Signs the bytes of a ``HeadStatement`` for ``HeadSigning/namespace``.
    func sign(_ statement: [UInt8]) async throws(SigningRefusal) -> HeadSignature
    /// The bare signature of a plain ed25519 key over `data`, for an in-toto link; nil for others.
    func signBare(_ data: [UInt8]) async throws(SigningRefusal) -> [UInt8]?
}

/// Names that signers, the verifier and auditors agree on.
public enum HeadSigning {
    /// What signatures are for; one that was made for something else does not count.
    public static let namespace = "keybuzz-runner"

    /// The folder of the statements and their signatures.
    static let folder = "signatures"

    static func statement(_ sequence: Int) -> String { "\(folder)/\(sequence).json" }
    static func link(_ name: String, keyID: String) -> String { "\(folder)/\(name).\(keyID.prefix(8)).link" }
    static func signature(_ sequence: Int) -> String { "\(folder)/\(sequence).json.sig" }

    /// What the link of a step is called, or of the run's end.
    static func linkName(_ sequence: Int, step: String?) -> String { "\(sequence)-\(step ?? "run")" }

    /// What the record of a signature says.
    static func signed(with key: String) -> String { "signed with \(key)" }

    /// What it says as well where there is no link, before the reason.
    static let withoutLink = "; without an in-toto link: "

    /// Whether a file of this name is written when the head with this number is signed.
    static func isWritten(_ path: String, for sequence: Int) -> Bool {
        if path == statement(sequence) || path == signature(sequence) { return true }
        let (place, name) = Disk.split(path)
        return place == folder && name.hasPrefix("\(sequence)-") && name.hasSuffix(".link")
    }
}

extension AuditKind {
    /// Whether it records a head's signature, as the one record does that follows the end of a run.
    var isOfSignature: Bool { self == .headSigned || self == .headUnsigned }
}
