import DataServers
import Redis
import Testing

/// Gives a suite a server that all its tests share.
struct RedisServerTrait: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let server = try RedisServer()
        defer { server.stop() }
        try await RedisServer.$current.withValue(server) { try await function() }
    }
}

extension Trait where Self == RedisServerTrait {
    static var redisServer: RedisServerTrait { RedisServerTrait() }
}

/// The error that `body` throws.
func failure<T>(_ body: () async throws(RedisError) -> T) async throws -> RedisError {
    do throws(RedisError) {
        _ = try await body()
    } catch {
        return error
    }
    Issue.record("no error")
    throw CancellationError()
}
