public import ClientKit
public import Postgres
public import Redis
public import SSH

/// As whom, and to which database, a step talks to PostgreSQL.
public enum DatabaseLogin: Sendable, Hashable {
    /// The platform's administrator, in the named database.
    case admin(database: String)
    /// Chatwoot's own role, in Chatwoot's database.
    case chatwoot(password: Secret)
}

/// Makes connections to what is no Kubernetes node: PostgreSQL, Redis and further hosts; the live one keeps them open for the run, a test's one hands out its own.
public protocol DataServices: Sendable {
    /// A connection that can only read.
    func postgresReader(_ login: DatabaseLogin) async throws -> PostgresReader
    /// A connection that can change things.
    func postgresWriter(_ login: DatabaseLogin) async throws -> PostgresWriter
    /// A connection that can only read.
    func redisReader() async throws -> RedisReader
    /// A connection that can change things.
    func redisWriter() async throws -> RedisWriter
    /// A remote shell on a host of the inventory.
    func shell(on host: Inventory.Host) async throws -> any RemoteShell
}
