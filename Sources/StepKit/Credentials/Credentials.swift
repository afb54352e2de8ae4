public import ClientKit

/// Everything the credentials folder holds.
public struct Credentials: Sendable {
    /// The PostgreSQL administrator, from `postgres.env`.
    public let postgres: PostgresCredentials
    /// Redis, from `redis.env`.
    public let redis: RedisCredentials
    /// The registry, from `ghcr.env`.
    public let registry: RegistryCredentials
    /// The object storage, from `minio.env`; nil when there is no such file.
    public let objectStorage: ObjectStorageCredentials?
    /// What was generated for the applications earlier, by the file's name, as far as it is there.
    public var generated: [String: [GeneratedSecret: Secret]] = [:]
    /// The variables of the applications' further files, by the file's name; none of a file that is missing.
    public var variables: [String: [String: Secret]] = [:]
    /// The authorities that sign the services' certificates, from the files that the inventory names.
    public var certificates = TrustedCertificates()
}

/// The PostgreSQL administrator.
public struct PostgresCredentials: Sendable {
    /// The role.
    public let user: String
    /// Its password.
    public let password: Secret
    /// The host the file names, which the inventory overrides.
    public let host: String?
    /// The port the file names, which the inventory overrides.
    public let port: Int?
}

/// How to authenticate to Redis.
public struct RedisCredentials: Sendable {
    /// The password; nil for a server that requires none.
    public let password: Secret?
    /// The Sentinels' own password; nil where they require none.
    public let sentinelPassword: Secret?
    /// The host the file names, which the inventory overrides.
    public let host: String?
    /// The port the file names, which the inventory overrides.
    public let port: Int?

    /// Describes what is known; see the properties.
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
    /// Its token, with the right to read packages.
    public let token: Secret
}

/// How to authenticate to the object storage.
public struct ObjectStorageCredentials: Sendable {
    /// The endpoint the file names, which the inventory overrides.
    public let endpoint: String?
    /// The public half of the key.
    public let accessKey: String
    /// The secret half of the key.
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
