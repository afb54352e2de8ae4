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
    private func platformInUse(
        settings: String = ""
    ) async throws -> (platform: DatabasePlatform, session: PostgresWriter) {
        let platform = try await DatabasePlatform(
            .system, administrator: "CREATEDB CREATEROLE", settings: settings)
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
        let isRefused = try await poll(within: .seconds(100), every: .milliseconds(50)) { _ in
            try await !facts(platform).allowsConnections
        }
        #expect(isRefused)
        return reset
    }

    @Test func anInterruptedResetAllowsConnectionsAgain() async throws {
        let (platform, session) = try await platformInUse()
        let reset = try await beginReset(platform)
        reset.cancel()
        await #expect(throws: (any Error).self) { try await reset.value }
        #expect(try await facts(platform).allowsConnections)
        #expect(platform.warnings.withLock { $0 }.isEmpty)
        await session.connection.close()
    }

    @Test func whereConnectionsCannotBeAllowedAgainAWarningHasTheStatement() async throws {
        let (platform, session) = try await platformInUse()
        let reset = try await beginReset(platform)
        let superuser = try await platform.superuser("postgres")
        for statement in ["CREATE ROLE another", "ALTER DATABASE chatwoot OWNER TO another"] {
            try await superuser.execute(statement)
        }
        reset.cancel()
        await #expect(throws: (any Error).self) { try await reset.value }
        #expect(try await !facts(platform).allowsConnections)
        let warning = try #require(platform.warnings.withLock { $0 }.first)
        #expect(warning.contains("`runner resume` or `runner run 11 --new`"), "\(warning)")
        let statement = try #require(warning.firstRange(of: "ALTER DATABASE")).lowerBound
        try await superuser.execute(String(warning[statement...]))
        #expect(try await facts(platform).allowsConnections)
        await session.connection.close()
    }

    /// The connection that refused connections is gone; another one allows them again.
    @Test func aBrokenConnectionAllowsThemAgainThroughAnother() async throws {
        let (platform, session) = try await platformInUse()
        let reset = try await beginReset(platform)
        let superuser = try await platform.superuser("postgres")
        try await superuser.endSessions(of: "runner_admin", on: "postgres")
        await session.connection.close()
        await #expect(throws: PostgresError.self) { try await reset.value }
        #expect(try await facts(platform).allowsConnections)
        #expect(platform.warnings.withLock { $0 }.isEmpty)
    }

    /// It keeps the database from being renamed, and is no session.
    @Test func aPreparedTransactionIsNamed() async throws {
        let (platform, session) = try await platformInUse(settings: "max_prepared_transactions = 1")
        for statement in ["BEGIN", "CREATE TABLE t ()", "PREPARE TRANSACTION 'left'"] {
            try await session.execute(statement)
        }
        await session.connection.close()
        let site = try await platform.site([(#""service": 15"#, #""service": 2"#)])
        let database = try await facts(platform)
        let error = await #expect(throws: StepFailure.self) {
            try await ResetDatabase().setAside(database, as: aside, on: site)
        }
        #expect(error?.cause.contains("1 prepared transaction") == true, "\(error?.cause ?? "")")
        #expect(error?.remedy.contains("pg_prepared_xacts") == true)
        #expect(try await facts(platform).allowsConnections)
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
