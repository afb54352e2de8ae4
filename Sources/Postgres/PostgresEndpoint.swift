public import ClientKit

/// The address of a database, the login, and the time limits.
public struct PostgresEndpoint: Sendable, Hashable {
    /// One of the servers to try.
    public struct Host: Sendable, Hashable {
        /// Its real name or address, which a certificate must contain, and which errors and records
        /// show.
        public var name: String
        /// Its real port.
        public var port: UInt16
        /// The numeric address to dial instead of looking up ``name``, such as 127.0.0.1 for the
        /// local end of a tunnel.
        public var dialAddress: String?
        /// The port to dial instead of ``port``.
        public var dialPort: UInt16?

        /// Describes a server; see the properties.
        public init(_ name: String, port: UInt16 = 5432, dialAddress: String? = nil, dialPort: UInt16? = nil) {
            self.name = name
            self.port = port
            self.dialAddress = dialAddress
            self.dialPort = dialPort
        }
    }

    /// libpq's `sslmode`.
    public enum TLSMode: String, Sendable, Hashable, Codable, CaseIterable {
        /// Never TLS.
        case disable
        /// TLS only if the server refuses a connection without it.
        case allow
        /// TLS if the server supports it, without verifying the certificate.
        case prefer
        /// TLS always, without verifying the certificate.
        case require
        /// TLS with a certificate that ``PostgresEndpoint/rootCertificate`` signed, for any name.
        case verifyCA = "verify-ca"
        /// TLS with a certificate that ``PostgresEndpoint/rootCertificate`` signed for the host's
        /// name.
        case verifyFull = "verify-full"

        var verifies: Bool { self == .verifyCA || self == .verifyFull }
    }

    /// The servers, tried in this order until one accepts the login and, if ``requiresWritable``,
    /// accepts writes.
    public var hosts: [Host]
    /// The database to connect to.
    public var database: String
    /// The role to log in as.
    public var user: String
    /// Its password.
    public var password: Secret
    /// The `sslmode`.
    public var tls: TLSMode
    /// The file of trusted certificates; required for the two verifying modes.
    public var rootCertificate: String?
    /// How long each server may take to accept the login, at each of its addresses.
    public var connectTimeout: TimeLimit
    /// How long one statement may take: then the server cancels it, and a little later the
    /// connection to a silent server is closed.
    public var statementTimeout: TimeLimit
    /// Whether read-only servers (standbys, or by configuration) are skipped.
    public var requiresWritable: Bool

    /// Describes an endpoint; see the properties.
    public init(
        hosts: [Host], database: String, user: String, password: Secret, tls: TLSMode = .prefer,
        rootCertificate: String? = nil, connectTimeout: TimeLimit,
        statementTimeout: TimeLimit, requiresWritable: Bool = true
    ) {
        self.hosts = hosts
        self.database = database
        self.user = user
        self.password = password
        self.tls = tls
        self.rootCertificate = rootCertificate
        self.connectTimeout = connectTimeout
        self.statementTimeout = statementTimeout
        self.requiresWritable = requiresWritable
    }

    func place(_ host: Host) -> String { "\(host.name):\(host.port)/\(database)" }
}

extension PostgresEndpoint {
    /// What is wrong with the endpoint itself, before any connection.
    func firstMistake() -> String? {
        if hosts.isEmpty { return "no host is specified" }
        if password.isEmpty { return "the password of role \(user) is empty" }
        if user.isEmpty || database.isEmpty { return "the role name or the database name is empty" }
        if tls.verifies && rootCertificate == nil { return "sslmode \(tls.rawValue) needs a root certificate file" }
        let names = hosts.flatMap { [$0.name, $0.dialAddress ?? ""] }
        let texts = names + [user, database, password.reveal(), rootCertificate ?? ""]
        if texts.contains(where: { $0.utf8.contains(0) }) { return "one of its values contains a NUL byte" }
        return nil
    }

    /// Every connection option that could otherwise come from the environment or from files in the
    /// home directory.
    ///
    /// libpq reads an option that is missing *or empty* from `PG…` variables, so each gets a
    /// non-empty value.
    func parameters(host: Host, address: String) -> [(String, String)] {
        // No file exists below a path that is not a directory, so libpq finds no certificate there
        // and continues without one.
        let nothing = "/dev/null/none"
        return [
            ("host", host.name), ("hostaddr", address), ("port", String(host.dialPort ?? host.port)),
            ("dbname", database), ("user", user), ("password", password.reveal()), ("passfile", "/dev/null"),
            ("application_name", "keybuzz-runner"), ("client_encoding", "UTF8"),
            ("sslmode", tls.rawValue), ("sslrootcert", rootCertificate ?? nothing), ("sslcert", nothing),
            ("sslkey", nothing), ("sslcrl", nothing), ("ssl_min_protocol_version", "TLSv1.2"),
            ("gssencmode", "disable"), ("channel_binding", tls == .disable ? "disable" : "prefer"),
            // Read-only servers are detected by our own first query, which also says why they are
            // read-only.
            ("target_session_attrs", "any"),
            // A lost peer is noticed within about half a minute, even between statements.
            ("keepalives", "1"), ("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "20000"),
        ]
    }
}
