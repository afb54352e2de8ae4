public import ClientKit

/// Everything in the credentials folder.
public struct Credentials: Sendable {
    /// The PostgreSQL administrator, from `postgres.env`.
    public let postgres: PostgresCredentials
    /// Redis, from `redis.env`.
    public let redis: RedisCredentials
    /// The registry, from `ghcr.env`.
    public let registry: RegistryCredentials
    /// The object storage, from `minio.env`; nil if there is no such file.
    public let objectStorage: ObjectStorageCredentials?
    /// The secrets that were generated for the applications earlier, as far as they exist, by file
    /// name.
    public var generated: [String: [GeneratedSecret: Secret]] = [:]
    /// The variables in the applications' other files, by file name; a missing file has none.
    public var variables: [String: [String: Secret]] = [:]
    /// The CA certificates of the services, from the files that the inventory names.
    public var certificates = TrustedCertificates()
}

/// The PostgreSQL administrator.
public struct PostgresCredentials: Sendable {
    /// The role.
    public let user: String
    /// Its password.
    public let password: Secret
    /// The host in the file; the inventory overrides it.
    public let host: String?
    /// The port in the file; the inventory overrides it.
    public let port: Int?
}

/// How to authenticate to Redis.
public struct RedisCredentials: Sendable {
    /// The password; nil if the server requires none.
    public let password: Secret?
    /// The Sentinels' own password; nil if they require none.
    public let sentinelPassword: Secret?
    /// The host in the file; the inventory overrides it.
    public let host: String?
    /// The port in the file; the inventory overrides it.
    public let port: Int?

    /// Describes credentials; see the properties.
    public init(password: Secret?, sentinelPassword: Secret? = nil, host: String? = nil, port: Int? = nil) {
        self.password = password
        self.sentinelPassword = sentinelPassword
        self.host = host
        self.port = port
    }
}

/// How to authenticate to the registry.
public struct RegistryCredentials: Sendable {
    /// The account.
    public let username: String
    /// Its token, which must be allowed to read packages.
    public let token: Secret
}

/// How to authenticate to the object storage.
public struct ObjectStorageCredentials: Sendable {
    /// The endpoint in the file; the inventory overrides it.
    public let endpoint: String?
    /// The access key ID.
    public let accessKey: String
    /// The secret access key.
    public let secretKey: Secret
}

extension Credentials {
    /// The variables of `file`.
    public subscript(file: CredentialsFile) -> [String: Secret] { variables[file.name] ?? [:] }

    /// All secrets, for the redactor.
    public var allSecrets: [Secret] {
        [postgres.password, registry.token]
            + [redis.password, redis.sentinelPassword, objectStorage?.secretKey].compactMap { $0 }
            + generated.values.flatMap(\.values) + variables.values.flatMap(\.values)
    }
}
