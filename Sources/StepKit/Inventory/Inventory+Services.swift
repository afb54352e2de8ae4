extension Inventory {
    /// How a service that is not an SSH host is reached.
    public enum Route: String, Sendable, CaseIterable {
        /// Directly from the operator's machine.
        case direct
        /// Through an SSH tunnel from a master.
        case ssh
    }

    /// The CAs that are trusted.
    public enum RootCertificate: Sendable, Hashable {
        /// Those that the system trusts: on this machine its own, in the pods the image's.
        case system
        /// Those in a file on the operator's machine, which is also passed to the pods.
        case file(String)
    }

    /// The PostgreSQL service.
    public struct PostgresService: Sendable, Hashable {
        /// libpq's `sslmode`.
        public enum SSLMode: String, Sendable, CaseIterable {
            /// Never TLS.
            case disable
            /// TLS only if the server requires it.
            case allow
            /// TLS if the server supports it.
            case prefer
            /// TLS always.
            case require
            /// TLS with a certificate from a trusted CA.
            case verifyCA = "verify-ca"
            /// TLS with a certificate from a trusted CA for this host.
            case verifyFull = "verify-full"
        }

        /// The addresses, tried in order until one accepts writes.
        public let hosts: [String]
        /// The TCP port.
        public let port: Int
        /// How the service is reached.
        public let via: Route
        /// The `sslmode`.
        public let sslmode: SSLMode
        /// The CA that the server's certificate is verified against; nil if it is not verified.
        public let rootCertificate: RootCertificate?
        /// The database that the administrator logs in to.
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
        /// The address; with Sentinels, only for clients that cannot query them.
        public let host: String
        /// The TCP port.
        public let port: Int
        /// The database number.
        public let database: Int
        /// The ACL user; nil for the default one.
        public let user: String?
        /// Whether connections use TLS, which always verifies the server's certificate.
        public let usesTLS: Bool
        /// The CA that the server's certificate is verified against; nil for those that the system
        /// trusts.
        public let rootCertificate: RootCertificate?
        /// How the service is reached.
        public let via: Route
        /// The Sentinels that know the master; nil if the address is the master's.
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

    /// An S3-compatible service where attachments are stored.
    public struct ObjectStorage: Sendable, Hashable {
        /// Scheme, host and optional port.
        public let endpoint: String
        /// The bucket.
        public let bucket: String
        /// The region that requests are signed for.
        public let region: String
        /// Whether an unreachable bucket fails the step instead of causing a warning.
        public let isRequired: Bool

        init(_ reader: ObjectReader) {
            endpoint = reader.value("endpoint", .endpoint)
            bucket = reader.value("bucket", .bucket)
            region = reader.value("region", .label, default: "us-east-1")
            isRequired = reader.value("required", .flag, default: false)
        }
    }

    /// Where the database is backed up before existing data is migrated.
    public struct Backup: Sendable, Hashable {
        /// The inventory name of the host that runs `pg_dump` and stores the files.
        public let host: String
        /// The directory on that host.
        public let directory: String

        init(_ reader: ObjectReader) {
            host = reader.value("host", .subdomain)
            directory = reader.value("directory", .remotePath, default: "/var/backups/keybuzz")
        }
    }

    /// The registry that the modules' images are pulled from.
    public struct Registry: Sendable, Hashable {
        /// Host or host:port, as at the beginning of an image reference.
        public let server: String
        /// The path of the CA certificate on the masters; nil for the CAs that the system trusts.
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
