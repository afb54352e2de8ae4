import ClientKit
import DataServers
import Postgres
import StepKit
import Synchronization
import Testing

@testable import Steps

/// A reset that does not get to the renaming leaves the database as it found it, on a real server.
@Suite(.serialized) struct ResetInterruptionTests {
    private let aside = "chatwoot_before_20261124t120000z"

    /// A platform with Chatwoot's database, which somebody else than Chatwoot uses.
    private func platformInUse() async throws -> (platform: DatabasePlatform, session: PostgresWriter) {
        let platform = try await DatabasePlatform(.system, administrator: "CREATEDB CREATEROLE")
        try await platform.superuser("template1").execute("CREATE EXTENSION pg_stat_statements")
        try await SetupCredentials().makeReady(platform.site(), with: platform.chatwoot)
        return (platform, try await platform.superuser("chatwoot"))
    }

    private func facts(_ platform: DatabasePlatform) async throws -> DatabaseFacts {
        try #require(try await platform.superuser("postgres").databaseState("chatwoot"))
    }

    /// Begins to set the database aside, and returns when connections are refused.
    private func beginReset(_ platform: DatabasePlatform) async throws -> Task<Void, any Error> {
        let (site, database) = (try await platform.site(), try await facts(platform))
        let reset = Task { try await ResetDatabase().setAside(database, as: aside, on: site) }
        let isRefused = try await poll(within: .seconds(20), every: .milliseconds(50)) { _ in
            try await !facts(platform).allowsConnections
        }
        #expect(isRefused)
        return reset
    }

    @Test func anInterruptedResetAllowsConnectionsAgain() async throws {
        let (platform, session) = try await platformInUse()
        let reset = try await beginReset(platform)
        reset.cancel()
        await #expect(throws: CancellationError.self) { try await reset.value }
        #expect(try await facts(platform).allowsConnections)
        #expect(platform.notes.withLock { $0 }.isEmpty)
        await session.connection.close()
    }

    @Test func whereConnectionsCannotBeAllowedAgainTheStatementIsNoted() async throws {
        let (platform, session) = try await platformInUse()
        let reset = try await beginReset(platform)
        let superuser = try await platform.superuser("postgres")
        try await superuser.execute("ALTER DATABASE chatwoot OWNER TO postgres")
        reset.cancel()
        _ = await reset.result
        #expect(try await !facts(platform).allowsConnections)
        let note = try #require(platform.notes.withLock { $0 }.first)
        let statement = try #require(note.split(separator: "\n").last)
        try await superuser.execute(String(statement))
        #expect(try await facts(platform).allowsConnections)
        await session.connection.close()
    }

    /// Somebody had refused connections before; that the renaming fails does not undo it.
    @Test(arguments: [true, false]) func aRefusedRenamingLeavesConnectionsAsTheyWere(_ allowed: Bool) async throws {
        let (platform, session) = try await platformInUse()
        await session.connection.close()
        let superuser = try await platform.superuser("postgres")
        try await superuser.execute("CREATE DATABASE \(aside)")
        try await superuser.allowConnections(allowed, to: "chatwoot")
        let (site, database) = (try await platform.site(), try await facts(platform))
        let error = await #expect(throws: PostgresError.self) {
            try await ResetDatabase().setAside(database, as: aside, on: site)
        }
        #expect(error?.sqlState == "42P04")
        #expect(try await facts(platform).allowsConnections == allowed)
    }

    /// The process before this one was killed while connections were refused.
    @Test func aResumedResetThatFailsAllowsConnectionsAgain() async throws {
        let (platform, session) = try await platformInUse()
        await session.connection.close()
        let superuser = try await platform.superuser("postgres")
        try await superuser.execute("CREATE DATABASE \(aside)")
        try await superuser.allowConnections(false, to: "chatwoot")
        let options = RunOptions(resetsDatabase: true).of(run: "20261124T120000Z-11-3f9a", isResumed: true)
        let (site, database) = (try await platform.site().with(options: options), try await facts(platform))
        await #expect(throws: PostgresError.self) {
            try await ResetDatabase().setAside(database, as: aside, on: site)
        }
        #expect(try await facts(platform).allowsConnections)
    }
}
