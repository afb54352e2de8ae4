public import ClientKit

/// Where a database is, who logs in, and how long anything there may take.
public struct PostgresEndpoint: Sendable, Hashable {
    /// One server that may answer.
    public struct Host: Sendable, Hashable {
        /// Its real name or address: what a certificate must say, and what errors and records show.
        public var name: String
        /// Its real port.
        public var port: UInt16
        /// The numeric address to dial instead of looking up ``name``, such as 127.0.0.1 for the near end of a tunnel.
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

    /// How much TLS is asked for, in libpq's own words.
    public enum TLSMode: String, Sendable, Hashable, Codable, CaseIterable {
        /// Never TLS.
        case disable
        /// TLS only where the server refuses a connection without it.
        case allow
        /// TLS where the server has it, without verifying anybody.
        case prefer
        /// TLS or nothing, still without verifying anybody.
        case require
        /// TLS with a certificate that ``PostgresEndpoint/rootCertificate`` signed, for any name.
        case verifyCA = "verify-ca"
        /// TLS with a certificate that ``PostgresEndpoint/rootCertificate`` signed for the host's name.
        case verifyFull = "verify-full"

        var verifies: Bool { self == .verifyCA || self == .verifyFull }
    }

    /// The servers, tried in this order until one accepts the login and, where ``requiresWritable``, can be written to.
    public var hosts: [Host]
    /// The database to connect to.
    public var database: String
    /// The role to log in as.
    public var user: String
    /// Its password.
    public var password: Secret
    /// How much TLS is asked for.
    public var tls: TLSMode
    /// The file of the certificates that are trusted; needed for the two verifying modes.
    public var rootCertificate: String?
    /// How long each server may take to accept the login, at each of its addresses.
    public var connectTimeout: Duration
    /// How long one statement may take: the server ends it then, and the connection to a silent server is closed a little later.
    public var statementTimeout: Duration
    /// Whether a server that only reads (a standby, or read-only by configuration) is passed over.
    public var requiresWritable: Bool

    /// Describes an endpoint; see the properties.
    public init(
        hosts: [Host], database: String, user: String, password: Secret, tls: TLSMode = .prefer,
        rootCertificate: String? = nil, connectTimeout: Duration = .seconds(10),
        statementTimeout: Duration = .seconds(30), requiresWritable: Bool = true
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
    /// What is wrong with the endpoint itself, before anything is dialled.
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

    /// Every connection option that could otherwise come from the environment or from files in the home directory.
    ///
    /// libpq takes an option that is missing *or empty* from `PG…` variables, so each gets a value that is neither.
    func parameters(host: Host, address: String) -> [(String, String)] {
        // Below a file that is no directory there is nothing, so libpq finds no such certificate and continues without one.
        let nothing = "/dev/null/none"
        return [
            ("host", host.name), ("hostaddr", address), ("port", String(host.dialPort ?? host.port)),
            ("dbname", database), ("user", user), ("password", password.reveal()), ("passfile", "/dev/null"),
            ("application_name", "keybuzz-runner"), ("client_encoding", "UTF8"),
            ("sslmode", tls.rawValue), ("sslrootcert", rootCertificate ?? nothing), ("sslcert", nothing),
            ("sslkey", nothing), ("sslcrl", nothing), ("ssl_min_protocol_version", "TLSv1.2"),
            ("gssencmode", "disable"), ("channel_binding", tls == .disable ? "disable" : "prefer"),
            // Read-only servers are detected by our own first query, which also says why they are read-only.
            ("target_session_attrs", "any"),
            // A peer that vanished is noticed within about half a minute even between statements.
            ("keepalives", "1"), ("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "20000"),
        ]
    }
}
