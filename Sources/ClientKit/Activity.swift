public import Foundation

/// Whether something only reads or may change the outside world.
public enum Effect: String, Sendable, Codable {
    /// Leaves everything as it was; may be repeated freely.
    case read
    /// May change something; recorded durably before it is sent.
    case change
}

/// One thing done to the outside world: a remote command, an SQL statement, a Redis command.
public struct Activity: Sendable, Identifiable {
    /// Which client does it.
    public enum Channel: String, Sendable, Codable {
        /// A command in a host's remote shell.
        case ssh
        /// A statement on a PostgreSQL connection.
        case postgres
        /// A Redis command.
        case redis
    }

    /// As whom something is done.
    public struct Login: Sendable {
        /// The remote account, role or user; `nil` where the server asks for none.
        public let user: String?
        /// `SHA256:…` of the operator's key, where one proved who it is and its file shows it.
        public let keyFingerprint: String?
        /// The database, where there are several.
        public let database: String?

        /// Describes a login; see the properties.
        public init(user: String?, keyFingerprint: String? = nil, database: String? = nil) {
            self.user = user
            self.keyFingerprint = keyFingerprint
            self.database = database
        }
    }

    /// Unique within a run.
    public let id: UUID
    /// The client that does it.
    public let channel: Channel
    /// The inventory name of the host, or `address:port` where there is none.
    public let host: String
    /// `SHA256:…` of the verified SSH host key, where the channel is ``Channel/ssh``.
    public let hostKeyFingerprint: String?
    /// As whom, and with which key or database.
    public let login: Login?
    /// What it is for, in words: `list pods in support`; `nil` where the command itself says enough.
    public let purpose: String?
    /// The exact argument vector, or the SQL text with `$1` placeholders as its only element, without secrets.
    public let command: [String]
    /// Size and digest of what is sent on standard input, as the observer's ``InputDigester`` makes them; `nil` where
    /// nothing is sent, or the observer has none.
    public let standardInput: ContentDigest?
    /// Whether it may change anything.
    public let effect: Effect
    /// Whether the output contains secrets that the redactor may not know yet, as when a Secret is read: only its digest
    /// and size are kept.
    public let outputIsSecret: Bool

    /// Describes one activity; see the properties.
    public init(
        channel: Channel, host: String, hostKeyFingerprint: String? = nil, as login: Login? = nil,
        for purpose: String? = nil,
        command: [String],
        standardInput: ContentDigest? = nil, effect: Effect, outputIsSecret: Bool = false
    ) {
        self.id = .random()
        self.channel = channel
        self.host = host
        self.hostKeyFingerprint = hostKeyFingerprint
        self.login = login
        self.purpose = purpose
        self.command = command
        self.standardInput = standardInput
        self.effect = effect
        self.outputIsSecret = outputIsSecret
    }
}

extension UUID {
    /// A random one (version 4), without opening /dev/urandom as `UUID()` does.
    static func random() -> UUID {
        let high = UInt64.random(in: .min ... .max) & ~(0xf << 12) | 0x4 << 12
        let low = UInt64.random(in: .min ... .max) & ~(0b11 << 62) | 0b10 << 62
        return withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { bytes in
            UUID(uuid: bytes.loadUnaligned(as: uuid_t.self))
        }
    }
}

/// How an ``Activity`` ended.
public struct ActivityOutcome: Sendable {
    /// What came back.
    public enum Status: Sendable, Hashable {
        /// The command ended with this exit status; 0 for an SQL or Redis command that succeeded.
        case exited(Int32)
        /// A signal of this name (without `SIG`) ended the command.
        case signalled(String)
        /// The server answered with this error code (SQLSTATE, or the first word of a Redis error).
        case refused(code: String)
        /// Nothing conclusive came back, for this reason.
        case unknown(String)
    }

    /// What came back.
    public let status: Status
    /// From sending to the result.
    public let duration: Duration

    /// Describes an end; see the properties.
    public init(status: Status, duration: Duration) {
        self.status = status
        self.duration = duration
    }
}

/// Which stream of an activity a chunk of output came from.
public enum OutputStream: String, Sendable, Codable {
    /// Standard output, or rows.
    case stdout
    /// Standard error, or notices.
    case stderr
}

/// What is known of bytes that are not kept.
public struct ContentDigest: Codable, Sendable, Hashable {
    /// How many bytes, after redaction.
    public let bytes: Int
    /// SHA-256 of them in hexadecimal digits.
    public let sha256: String

    /// Describes bytes; see the properties.
    public init(bytes: Int, sha256: String) {
        self.bytes = bytes
        self.sha256 = sha256
    }
}

/// Someone who knows the secrets, and makes of a command's input what observers may know of it.
public protocol InputDigester: Sendable {
    /// Size and digest of `input` after redaction: a short secret could be guessed from its digest by trying all.
    func digest(ofInput input: [UInt8]) -> ContentDigest
}

/// Someone who must know of every ``Activity`` before it happens and after it ended, such as the journal.
public protocol ActivityObserver: Sendable {
    /// Who makes the digests of what commands read; observers never get the bytes. `nil`: nobody asks for them.
    var inputDigester: (any InputDigester)? { get }
    /// Called before anything is sent. Throwing forbids the activity: where it cannot be recorded, it is not done.
    nonisolated(nonsending) func willBegin(_ activity: Activity) async throws
    /// Called with each chunk of output in the order it came, between ``willBegin(_:)`` and ``didEnd(_:_:)``, from the
    /// client's own executor. Must not block for long.
    func didReceive(_ bytes: ArraySlice<UInt8>, from stream: OutputStream, of activity: Activity)
    /// Called exactly once for each activity that ``willBegin(_:)`` let pass.
    nonisolated(nonsending) func didEnd(_ activity: Activity, _ outcome: ActivityOutcome) async throws
}

/// An observer that lets everything pass and remembers nothing, for tests of clients and for probes outside a run.
public struct IgnoringObserver: ActivityObserver {
    /// None.
    public var inputDigester: (any InputDigester)? { nil }

    /// Makes one.
    public init() {}
    /// Does nothing.
    public nonisolated(nonsending) func willBegin(_ activity: Activity) async throws {}
    /// Does nothing.
    public func didReceive(_ bytes: ArraySlice<UInt8>, from stream: OutputStream, of activity: Activity) {}
    /// Does nothing.
    public nonisolated(nonsending) func didEnd(_ activity: Activity, _ outcome: ActivityOutcome) async throws {}
}
