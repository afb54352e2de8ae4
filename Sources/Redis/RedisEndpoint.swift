public import ClientKit

/// The address of a Redis server, the login, and the time limits.
public struct RedisEndpoint: Sendable, Hashable {
    /// The server's name or address, as errors and records show it.
    public var host: String
    /// The server's port.
    public var port: UInt16
    /// The numeric address to dial instead of looking up ``host``, such as 127.0.0.1 for the local
    /// end of a tunnel.
    public var dialAddress: String?
    /// The port to dial instead of ``port``.
    public var dialPort: UInt16?
    /// The ACL user; `nil` for the default user, which has only a password.
    public var user: String?
    /// The password; `nil` for a server that requires none.
    public var password: Secret?
    /// The database number to select.
    public var database: Int
    /// The file of CA certificates that the server's certificate for ``host`` is verified against;
    /// `nil` for no TLS.
    public var trusted: String?
    /// How long the server may take to accept the connection, at each of its addresses.
    public var connectTimeout: TimeLimit
    /// How long one command may take.
    public var commandTimeout: TimeLimit
    /// Whether a Sentinel is expected there, which has no data.
    var isSentinel = false

    /// Describes an endpoint; see the properties.
    public init(
        host: String, port: UInt16 = 6379, dialAddress: String? = nil, dialPort: UInt16? = nil, user: String? = nil,
        password: Secret?, database: Int = 0, trusted: String? = nil, connectTimeout: TimeLimit,
        commandTimeout: TimeLimit
    ) {
        self.host = host
        self.port = port
        self.dialAddress = dialAddress
        self.dialPort = dialPort
        self.user = user
        self.password = password
        self.database = database
        self.trusted = trusted
        self.connectTimeout = connectTimeout
        self.commandTimeout = commandTimeout
    }

    var place: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
