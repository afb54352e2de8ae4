extension Inventory {
    /// How a service that is no SSH host is reached.
    public enum Route: String, Sendable, CaseIterable {
        /// Straight from the operator's machine.
        case direct
        /// Through an SSH tunnel from a master.
        case ssh
    }

    /// Which authorities are trusted.
    public enum RootCertificate: Sendable, Hashable {
        /// Those that the system trusts: this machine's, and in the pods the image's.
        case system
        /// Those of a file on the operator's machine, which the pods get as well.
        case file(String)
    }

    /// The PostgreSQL service.
    public struct PostgresService: Sendable, Hashable {
        /// How much TLS is asked for, in libpq's words.
        public enum SSLMode: String, Sendable, CaseIterable {
            /// Never TLS.
            case disable
            /// TLS only if the server insists.
            case allow
            /// TLS if the server can.
            case prefer
            /// TLS or nothing.
            case require
            /// TLS with a certificate from a known authority.
            case verifyCA = "verify-ca"
            /// TLS with a certificate from a known authority for this host.
            case verifyFull = "verify-full"
        }

        /// The addresses, tried in order until one accepts writes.
        public let hosts: [String]
        /// The TCP port.
        public let port: Int
        /// How the service is reached.
        public let via: Route
        /// How much TLS is asked for.
        public let sslmode: SSLMode
        /// The authority that the server's certificate is verified against; nil where it is not verified.
        public let rootCertificate: RootCertificate?
        /// The database the administrator logs in to.
        public let adminDatabase: String

        init(_ reader: ObjectReader) {
            hosts = reader.list("hosts", of: .address)
            port = reader.value("port", .port, default: 5432)
            via = reader.value("via", .choice(placeholder: .direct), default: "direct")
            sslmode = reader.value("sslmode", .choice(placeholder: .prefer), default: "prefer")
            rootCertificate = reader.optional("rootCertificate", .rootCertificate(reader.session))
            adminDatabase = reader.value("adminDatabase", .identifier, default: "postgres")
        }
    }

    /// The Redis service.
    public struct RedisService: Sendable, Hashable {
        /// The address; with Sentinels, that of Action Cable alone, which asks none.
        public let host: String
        /// The TCP port.
        public let port: Int
        /// The number of the database.
        public let database: Int
        /// The ACL user; nil for the default one.
        public let user: String?
        /// Whether the server is spoken to with TLS, which always verifies its certificate.
        public let usesTLS: Bool
        /// The authority that the server's certificate is verified against; nil for those the system trusts.
        public let rootCertificate: RootCertificate?
        /// How the service is reached.
        public let via: Route
        /// The Sentinels that know the master; nil where the address leads to it.
        public let sentinel: Sentinel?

        init(_ reader: ObjectReader) {
            host = reader.value("host", .address)
            port = reader.value("port", .port, default: 6379)
            database = reader.value("database", .integer(0...65535), default: 0)
            user = reader.optional("user", .redisUser)
            usesTLS = reader.value("tls", .flag, default: false)
            rootCertificate = reader.optional("rootCertificate", .rootCertificate(reader.session))
            via = reader.value("via", .choice(placeholder: .direct), default: "direct")
            sentinel = reader.optionalObject("sentinel", Sentinel.init)
        }
    }

    /// Where attachments are stored: a service that speaks S3.
    public struct ObjectStorage: Sendable, Hashable {
        /// Scheme, host and perhaps port.
        public let endpoint: String
        /// The bucket.
        public let bucket: String
        /// The region that requests are signed for.
        public let region: String
        /// Whether an unreachable bucket fails the step instead of warning.
        public let isRequired: Bool

        init(_ reader: ObjectReader) {
            endpoint = reader.value("endpoint", .endpoint)
            bucket = reader.value("bucket", .bucket)
            region = reader.value("region", .label, default: "us-east-1")
            isRequired = reader.value("required", .flag, default: false)
        }
    }

    /// Where the database is saved before a migration of existing data.
    public struct Backup: Sendable, Hashable {
        /// The inventory name of the host that runs `pg_dump` and keeps the files.
        public let host: String
        /// The folder there.
        public let directory: String

        init(_ reader: ObjectReader) {
            host = reader.value("host", .subdomain)
            directory = reader.value("directory", .remotePath, default: "/var/backups/keybuzz")
        }
    }

    /// The registry that the modules' images are pulled from.
    public struct Registry: Sendable, Hashable {
        /// Host or host:port, as the image's reference begins.
        public let server: String
        /// The certificate authority's file on the masters; nil for those the system trusts.
        public let caFile: String?
        /// The name of the pull Secret.
        public let secretName: String

        init(_ reader: ObjectReader) {
            server = reader.value("server", .registryServer, default: "ghcr.io")
            caFile = reader.optional("caFile", .remotePath)
            secretName = reader.value("secretName", .subdomain, default: "ghcr-secret")
        }
    }

    /// Where the credentials files are.
    public struct CredentialsLocation: Sendable, Hashable {
        /// The folder on the operator's machine, an absolute path.
        public let directory: String

        init(_ reader: ObjectReader) {
            directory = reader.value(
                "directory", .localPath(reader.session), default: "/opt/keybuzz-installer-v2/credentials")
        }
    }
}
