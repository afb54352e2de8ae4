public import ClientKit

/// A file of the run, as a record announces it before the file gets its name.
public struct FileRecord: Codable, Sendable, Hashable {
    /// Where it is, relative to the run's directory.
    public let path: String
    /// How many bytes it has; of a transcript, which grows, how many it had then.
    public let bytes: Int
    /// SHA-256 of those bytes in hexadecimal digits.
    public let sha256: String
    /// The name it had before, where it gets another.
    public var was: String?
}

/// A remote command, statement or request that is about to be sent.
public struct CommandStart: Codable, Sendable, Hashable {
    /// The inventory name of the host, or `address:port`.
    public let host: String
    /// The client that sends it.
    public let channel: Activity.Channel
    /// The verified SSH host key, where the channel is SSH.
    public let hostKey: String?
    /// The remote account, role or user, where the server asks for one.
    public let user: String?
    /// `SHA256:…` of the operator's SSH key, where its file shows it.
    public let userKey: String?
    /// The database of a statement or request.
    public let database: String?
    /// What it is for, in words; nil where nobody said so.
    public let purpose: String?
    /// The exact argument vector, redacted.
    public let command: [String]
    /// Whether it may change anything.
    public let effect: Effect
    /// What goes to its standard input, where anything does.
    public let stdin: ContentDigest?

    enum CodingKeys: String, CodingKey {
        case host, channel, user, database, purpose, command, effect, stdin
        case hostKey = "host_key"
        case userKey = "user_key"
    }
}

/// What came back for a ``CommandStart``.
public struct CommandEnd: Codable, Sendable, Hashable {
    /// The sequence number of the start record.
    public let start: Int
    /// `exited`, `signalled`, `refused` or `unknown`.
    public let outcome: String
    /// The exit status, signal name, error code or reason.
    public let value: String
    /// From sending to the result.
    public let durationMilliseconds: Int
    /// What came on standard output; nil where nothing did.
    public let stdout: ContentDigest?
    /// What came on standard error; nil where nothing did.
    public let stderr: ContentDigest?
    /// Why the transcript does not hold all of it, where it does not.
    public let transcriptFailure: String?

    enum CodingKeys: String, CodingKey {
        case start, outcome, value, stdout, stderr
        case durationMilliseconds = "duration_ms"
        case transcriptFailure = "transcript_failure"
    }
}
