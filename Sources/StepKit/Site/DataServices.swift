public import ClientKit
public import Postgres
public import Redis
public import SSH

/// As whom, and to which database, a step talks to PostgreSQL.
public enum DatabaseLogin: Sendable, Hashable {
    /// The platform's administrator, in the named database.
    case admin(database: String)
    /// The role that owns an application's database, in that database.
    case owner(of: Application.Database, password: Secret)
}

/// Makes connections to what is not a Kubernetes node: PostgreSQL, Redis and further hosts; the live one keeps them open
/// for the run, a test provides its own.
public protocol DataServices: Sendable {
    /// A connection that can only read.
    func postgresReader(_ login: DatabaseLogin) async throws -> PostgresReader
    /// A connection that can change things.
    func postgresWriter(_ login: DatabaseLogin) async throws -> PostgresWriter
    /// A connection that can only read.
    func redisReader() async throws -> RedisReader
    /// A connection that can change things.
    func redisWriter() async throws -> RedisWriter
    /// A connection to `redis.host` itself that can only read, for what asks no Sentinel.
    func redisHostReader() async throws -> RedisReader
    /// What answers at each address of the services that the inventory gives several of.
    func addressAnswers() async -> [ServiceAnswer]
    /// A remote shell on a host of the inventory.
    func shell(on host: Inventory.Host) async throws -> any RemoteShell
}

/// What one address of a service answered, or why it did not.
public struct ServiceAnswer: Sendable {
    /// The service with the address: `PostgreSQL at 10.0.0.11:5432`.
    public let subject: String
    /// What was found there.
    public let result: Result<String, any Error>

    /// Asks.
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
    /// A read-only connection to `redis.host` itself, also where Sentinels name the master.
    public func redisHost() async throws -> RedisReader {
        try await services.redisHostReader()
    }

    /// What answers at each address of the services that the inventory gives several of.
    public func addressAnswers() async -> [ServiceAnswer] {
        await services.addressAnswers()
    }
}
