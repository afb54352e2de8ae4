public import ClientKit

/// What went wrong on the way to a host or on it.
public struct SSHError: ExplainedError {
    /// How far the connection had come.
    public enum Phase: String, Sendable {
        /// Opening the TCP connection.
        case connect
        /// Banner and key exchange.
        case handshake
        /// Verifying the host key.
        case hostKey = "host key"
        /// Proving who we are.
        case authentication
        /// Opening a channel, the remote shell or a forward.
        case channel
        /// Running a command.
        case command
    }

    /// How far the connection had come.
    public let phase: Phase
    /// The inventory name of the host.
    public let hostName: String
    /// `address:port`.
    public let endpoint: String
    /// What was tried.
    public let attempt: String
    /// What came back.
    public let cause: String
    /// What to do next.
    public let remedy: String
    /// Which exit status it leads to.
    public let kind: FailureKind
    /// Whether the connection was lost while the command ran: nothing more is to be had from the host.
    ///
    /// The ``kind`` then tells of the command, whose outcome is unknown.
    public let hostIsLost: Bool

    /// The inventory name with the address.
    public var host: String? { "\(hostName), \(endpoint)" }

    /// Describes a failure; see the properties.
    public init(
        phase: Phase, hostName: String, endpoint: String, attempt: String, cause: String, remedy: String,
        kind: FailureKind, hostIsLost: Bool = false
    ) {
        self.phase = phase
        self.hostName = hostName
        self.endpoint = endpoint
        self.attempt = attempt
        self.cause = cause
        self.remedy = remedy
        self.kind = kind
        self.hostIsLost = hostIsLost
    }
}
