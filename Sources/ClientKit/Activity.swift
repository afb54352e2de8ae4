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

    /// The login with which something is done.
    public struct Login: Sendable {
        /// The remote account, role or user; `nil` if the server requires none.
        public let user: String?
        /// `SHA256:…` of the operator's key, if a key was used and its public half is known.
        public let keyFingerprint: String?
        /// The database, if there are several.
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
    /// The login, with its key or database.
    public let login: Login?
    /// Its purpose: `list pods in support`; `nil` if the command itself shows it.
    public let purpose: String?
    /// The exact argument vector, or the SQL text with `$1` placeholders as its only element,
    /// without secrets.
    public let command: [String]
    /// Size and digest of standard input, from the observer's ``InputDigester``; `nil` if nothing
    /// is sent, or the observer has no digester.
    public let standardInput: ContentDigest?
    /// Whether it may change anything.
    public let effect: Effect
    /// Whether the output contains secrets that the redactor may not know yet, as when a Secret is
    /// read: only its digest and size are kept.
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
    /// The result.
    public enum Status: Sendable, Hashable {
        /// The command ended with this exit status; 0 for an SQL or Redis command that succeeded.
        case exited(Int32)
        /// A signal of this name (without `SIG`) ended the command.
        case signalled(String)
        /// The server answered with this error code (SQLSTATE, or the first word of a Redis error).
        case refused(code: String)
        /// There was no conclusive answer, for this reason.
        case unknown(String)
    }

    /// The result.
    public let status: Status
    /// The time from sending to the result.
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

/// What is known about bytes that are not kept.
public struct ContentDigest: Codable, Sendable, Hashable {
    /// The number of bytes, after redaction.
    public let bytes: Int
    /// Their SHA-256 in hexadecimal.
    public let sha256: String

    /// Describes bytes; see the properties.
    public init(bytes: Int, sha256: String) {
        self.bytes = bytes
        self.sha256 = sha256
    }
}

/// Knows the secrets, and computes what observers may know about a command's input.
public protocol InputDigester: Sendable {
    /// Size and digest of `input` after redaction: the digest of a short secret would reveal it to
    /// a brute-force search.
    func digest(ofInput input: [UInt8]) -> ContentDigest
}

/// What keeps an ``Activity`` from beginning: another one that is still at work there.
public struct Obstruction: Sendable {
    /// The same for as long as it is the same that is at work.
    public let id: String
    /// What is at work, for people: `apply 2 objects, by run … (process 4242, running for 50 s)`.
    public let words: String
    /// How long it is waited for altogether.
    public let limit: TimeLimit

    /// Describes an obstruction; see the properties.
    public init(id: String, words: String, limit: TimeLimit) {
        self.id = id
        self.words = words
        self.limit = limit
    }
}

/// An observer that is notified of every ``Activity`` before it begins and after it ended, such as
/// the journal.
public protocol ActivityObserver: Sendable {
    /// Who does what it observes, in words that others read where a command of it is still at work:
    /// `run … of jane on install-01`; `nil` if nobody needs to know.
    var author: String? { get }
    /// What every change carries to where it is made, so that it can be refused there; `nil` where nothing is to be refused.
    var fence: Fence? { get }
    /// The clocks of the hosts and servers that are observed, for all connections together.
    var clocks: PeerClocks { get }
    /// Computes the digests of commands' input, whose bytes observers never get; `nil` if none are
    /// needed.
    var inputDigester: (any InputDigester)? { get }
    /// Called before anything is sent; if it throws, the activity does not take place.
    nonisolated(nonsending) func willBegin(_ activity: Activity) async throws
    /// Called after ``willBegin(_:)``, every second for as long as something else at work there keeps the
    /// activity from beginning; if it throws, it is waited for no longer, and nothing takes place.
    nonisolated(nonsending) func willWait(_ activity: Activity, for obstruction: Obstruction) async throws
    /// Called with each chunk of output in order, between ``willBegin(_:)`` and ``didEnd(_:_:)``,
    /// on the client's own executor; must not block for long.
    func didReceive(_ bytes: ArraySlice<UInt8>, from stream: OutputStream, of activity: Activity)
    /// Called exactly once for each activity for which ``willBegin(_:)`` did not throw.
    nonisolated(nonsending) func didEnd(_ activity: Activity, _ outcome: ActivityOutcome) async throws
}

extension ActivityObserver {
    /// Nobody in particular.
    public var author: String? { nil }
    /// Nothing.
    public var fence: Fence? { nil }
    /// Those of one connection.
    public var clocks: PeerClocks { PeerClocks() }
    /// Waits.
    public nonisolated(nonsending) func willWait(_ activity: Activity, for obstruction: Obstruction) async throws {}
}

/// An observer that does nothing, for tests of clients and for probes outside a run.
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
