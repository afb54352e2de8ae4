import ClientKit
import DataServers
import Foundation
import Postgres
import Testing

/// Gives a suite a server that all its tests share.
struct PostgresServerTrait: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        // What an operator may have in the shell must not reach libpq.
        for (name, value) in [
            "PGSERVICE": "nonsense", "PGOPTIONS": "-c search_path=evil", "PGHOSTADDR": "127.0.0.2",
            "PGTZ": "Asia/Tokyo",
            "PGSSLMODE": "verify-full", "PGPASSFILE": "/nonexistent", "PGCLIENTENCODING": "LATIN1",
            "PGTARGETSESSIONATTRS": "standby", "PGCHANNELBINDING": "require", "PGREQUIREPEER": "nobody",
        ] { setenv(name, value, 1) }
        let server = try PostgresServer()
        defer { server.stop() }
        try await PostgresServer.$current.withValue(server) { try await function() }
    }
}

/// Runs a suite's tests once on a server of each version that is to be had here.
struct EveryVersionTrait: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        for installation in PostgresInstallation.all {
            let server = try PostgresServer(programs: installation.programs)
            defer { server.stop() }
            print("on \(installation):")
            try await PostgresServer.$current.withValue(server) { try await function() }
        }
    }
}

extension Trait where Self == PostgresServerTrait {
    static var postgresServer: PostgresServerTrait { PostgresServerTrait() }
}

extension Trait where Self == EveryVersionTrait {
    static var everyVersion: EveryVersionTrait { EveryVersionTrait() }
}

/// All tests that talk to a real server.
@Suite(.postgresServer) struct PostgresServerTests {
    static func server() throws -> PostgresServer {
        try #require(PostgresServer.current)
    }

    /// What depends on the server's catalogue and rights, which differ from version to version.
    @Suite(.everyVersion) struct EveryVersion {}
}

/// The error that `body` throws.
func failure<T>(_ body: () async throws(PostgresError) -> T) async throws -> PostgresError {
    do throws(PostgresError) {
        _ = try await body()
    } catch {
        return error
    }
    Issue.record("no error")
    throw CancellationError()
}
