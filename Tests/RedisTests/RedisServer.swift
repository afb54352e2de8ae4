import ClientKit
import DataServers
import Foundation
import Redis
import Testing

/// A Redis server of the tests' own.
final class RedisServer: Sendable {
    @TaskLocal static var current: RedisServer?

    static let password = "r3dis'\"\\$%s é 漢 #&~"
    let port: UInt16
    private let directory: URL
    private let process: ServerProcess

    init(password: String? = RedisServer.password, _ arguments: String...) throws {
        port = freePort()
        directory = try makeTemporaryDirectory()
        var command = ["redis-server", "--port", String(port), "--bind", "127.0.0.1", "--save", ""]
        command += ["--dir", directory.path]
        if let password { command += ["--requirepass", password] }
        process = try ServerProcess(
            command + arguments, port: port, log: directory.appendingPathComponent("log"),
            greeting: "Ready to accept")
    }

    deinit {
        stop()
    }

    func stop() {
        process.stop()
        try? FileManager.default.removeItem(at: directory)
    }

    var endpoint: RedisEndpoint {
        RedisEndpoint(
            host: "127.0.0.1", port: port, password: Secret(Self.password), connectTimeout: .seconds(5),
            commandTimeout: .seconds(5))
    }
}

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
