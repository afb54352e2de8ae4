public import ClientKit
public import Postgres
public import Redis
public import SSH

/// The role and the database of a step's connection to PostgreSQL.
public enum DatabaseLogin: Sendable, Hashable {
    /// The platform's administrator, in the named database.
    case admin(database: String)
    /// The role that owns an application's database, in that database.
    case owner(of: Application.Database, password: Secret)
}

/// Connections to what is not a Kubernetes node: PostgreSQL, Redis and other hosts.
public protocol DataServices: Sendable {
    /// A connection that can only read.
    func postgresReader(_ login: DatabaseLogin) async throws -> PostgresReader
    /// A connection that can change things.
    func postgresWriter(_ login: DatabaseLogin) async throws -> PostgresWriter
    /// A connection that can only read.
    func redisReader() async throws -> RedisReader
    /// A connection that can change things.
    func redisWriter() async throws -> RedisWriter
    /// A read-only connection to `redis.host` itself, for clients that cannot query Sentinels.
    func redisHostReader() async throws -> RedisReader
    /// The answers at each address of a service for which the inventory lists several.
    func addressAnswers() async -> [ServiceAnswer]
    /// A remote shell on a host of the inventory.
    func shell(on host: Inventory.Host) async throws -> any RemoteShell
}

/// The answer at one address of a service, or why there was none.
public struct ServiceAnswer: Sendable {
    /// The service with the address: `PostgreSQL at 10.0.0.11:5432`.
    public let subject: String
    /// The answer, or the failure.
    public let result: Result<String, any Error>

    /// Records the result of `ask`.
    public init(_ subject: String, asking ask: @Sendable () async throws -> String) async {
        self.subject = subject
        do {
            result = .success(try await ask())
        } catch {
            result = .failure(error)
        }
    }
}

extension SiteReader {
    /// A read-only connection to `redis.host` itself, even if Sentinels name the master.
    public func redisHost() async throws -> RedisReader {
        try await services.redisHostReader()
    }

    /// The answers at each address of a service for which the inventory lists several.
    public func addressAnswers() async -> [ServiceAnswer] {
        await services.addressAnswers()
    }
}
