import ClientKit
public import Postgres
public import Redis
public import SSH
public import StepKit
import Testing

/// A shell that nobody may use: whoever does fails the test.
public struct ForbiddenShell: RemoteShell {
    /// A master's name.
    public let hostName = "k8s-master-01"

    /// Makes one.
    public init() {}

    /// Fails the test.
    public func run(_ command: RemoteCommand) async throws(SSHError) -> CommandResult {
        Issue.record("a command was run: \(command.arguments)")
        throw SSHError(
            phase: .command, hostName: hostName, endpoint: "10.0.0.100:22", attempt: "run a command",
            cause: "nobody may", remedy: "none", kind: .failed)
    }
}

/// Services that nobody may ask: whoever does fails the test.
public struct ForbiddenServices: DataServices {
    /// Makes some.
    public init() {}

    private func refuse() -> StepFailure {
        Issue.record("a service was asked")
        return StepFailure("connect", cause: "nobody may", remedy: "none")
    }

    /// Fails the test.
    public func postgresReader(_ login: DatabaseLogin) async throws -> PostgresReader { throw refuse() }
    /// Fails the test.
    public func postgresWriter(_ login: DatabaseLogin) async throws -> PostgresWriter { throw refuse() }
    /// Fails the test.
    public func redisReader() async throws -> RedisReader { throw refuse() }
    /// Fails the test.
    public func redisWriter() async throws -> RedisWriter { throw refuse() }
    /// Fails the test.
    public func redisHostReader() async throws -> RedisReader { throw refuse() }
    /// Says nothing.
    public func addressAnswers() async -> [ServiceAnswer] { [] }
    /// Fails the test.
    public func shell(on host: Inventory.Host) async throws -> any RemoteShell { throw refuse() }
}
