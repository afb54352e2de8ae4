public import ClientKit

/// A command for a host's remote shell: an argument vector, never a string.
public struct RemoteCommand: Sendable {
    /// What it is for, in words that a record shows; `nil` where the command itself says enough.
    public var purpose: String?
    /// The program and its arguments; quoting happens in one place, inside this module.
    public var arguments: [String]
    /// What the command reads on standard input, up to 64 MiB: the only way for a secret.
    public var standardInput: [UInt8]
    /// Whether the command may change anything: if so it is recorded durably before it is sent.
    public var effect: Effect
    /// Whether it runs under the host's lock (see ``RemoteShell``), as every change does unless it is safe beside any other.
    public var isExclusive: Bool
    /// How long the command may take from sending to its trailer, if not ``SSHDestination/Limits-swift.struct/command``; the
    /// wait for the host's lock comes on top of it.
    public var timeout: TimeLimit?
    /// How many bytes of each output stream are kept in memory; what is beyond it goes to the observer only.
    public var outputLimit: Int
    /// Extra environment variables for this command only, never secrets.
    public var environment: [String: String]
    /// Whether the output may hold secrets that are not known yet: the observer keeps only its digest and size.
    public var outputIsSecret: Bool

    /// Describes a command; see the properties.
    public init(
        _ arguments: [String], for purpose: String? = nil, standardInput: [UInt8] = [], effect: Effect,
        timeout: TimeLimit? = nil,
        outputLimit: Int = 4 << 20, environment: [String: String] = [:],
        outputIsSecret: Bool = false, isExclusive: Bool? = nil
    ) {
        self.isExclusive = isExclusive ?? (effect == .change)
        self.purpose = purpose
        self.arguments = arguments
        self.standardInput = standardInput
        self.effect = effect
        self.timeout = timeout
        self.outputLimit = outputLimit
        self.environment = environment
        self.outputIsSecret = outputIsSecret
    }
}

/// What came back from a ``RemoteCommand`` whose trailer arrived.
public struct CommandResult: Sendable {
    /// The exit status, 0…255 (128 + n for a command ended by signal n, as `sh` reports it).
    public let exitStatus: Int32
    /// Standard output, at most ``RemoteCommand/outputLimit`` bytes of it.
    public let standardOutput: [UInt8]
    /// Standard error, at most ``RemoteCommand/outputLimit`` bytes of it.
    public let standardError: [UInt8]
    /// Whether either stream was longer than the limit.
    public let isTruncated: Bool
    /// From sending to the trailer.
    public let duration: Duration

    /// Describes a result; see the properties.
    public init(
        exitStatus: Int32, standardOutput: [UInt8], standardError: [UInt8], isTruncated: Bool, duration: Duration
    ) {
        self.exitStatus = exitStatus
        self.standardOutput = standardOutput
        self.standardError = standardError
        self.isTruncated = isTruncated
        self.duration = duration
    }

    /// Standard output as text, invalid UTF-8 replaced.
    public var outputText: String { String(decoding: standardOutput, as: UTF8.self) }
    /// Standard error as text, invalid UTF-8 replaced.
    public var errorText: String { String(decoding: standardError, as: UTF8.self) }
}

/// A place where commands run on one host, several at once.
///
/// Changes never overlap each other, and run in the order in which they were asked for. A read may overlap anything else:
/// what must come before or after another command is asked for when that one has ended, or before it is asked for.
///
/// A command that ``RemoteCommand/isExclusive`` holds an exclusive lock on the host while it runs, even after its link was cut, so that
/// a resumed run cannot overlap an orphan of the run before.
public protocol RemoteShell: Sendable {
    /// The inventory name of the host.
    var hostName: String { get }
    /// The file on the host whose lock an exclusive command holds; `~/` is the home directory there, `nil` if there is none.
    var lockFile: String? { get }
    /// Runs `command` and returns its result, whatever its exit status.
    ///
    /// Throws an ``SSHError``: with kind `unknownOutcome` where the command was sent and no trailer came back, and
    /// ``SSHError/hostIsLost`` where the connection was the reason; with `unreachable` where nothing was sent.
    func run(_ command: RemoteCommand) async throws(SSHError) -> CommandResult
}

extension RemoteShell {
    /// None.
    public var lockFile: String? { nil }
}
