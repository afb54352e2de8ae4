import ClientKit
import DataServers
import Postgres
import Testing

extension PostgresServerTests.EveryVersion {
    /// What the server shows of other sessions, to a superuser and to others.
    @Suite struct SessionTests {
        private let server: PostgresServer
        private let password = Secret("session-pw")

        init() throws {
            server = try PostgresServerTests.server()
        }

        private func writer(_ role: String, _ database: String) async throws -> PostgresWriter {
            try await PostgresWriter.connect(
                to: server.endpoint(database).loggingIn(as: role, password: password), observer: IgnoringObserver())
        }

        private func database(_ name: String) async throws -> PostgresWriter {
            let admin = try await PostgresWriter.connect(to: server.endpoint(), observer: IgnoringObserver())
            try await admin.ensureRole(name, password: password)
            try await admin.ensureDatabase(name, owner: name)
            try await admin.ensureRole("neighbour", password: password)
            return admin
        }

        /// PostgreSQL hides even the kind of a stranger's session: it must not go missing for that.
        @Test func sessionsOfStrangersAreSeenWithoutTheirDetails() async throws {
            let admin = try await database("watched")
            let own = try await writer("watched", "watched")
            let other = try await writer("neighbour", "watched")
            try await other.execute("SELECT pg_advisory_lock(8820554729439225000)")
            for (reader, showsState) in [(admin, true), (own, false)] {
                let seen = try #require(try await reader.sessions(on: "watched").first { $0.user == "neighbour" })
                #expect(seen.application == "keybuzz-runner" && seen.advisoryLocks == [8_820_554_729_439_225_000])
                #expect(seen.state == (showsState ? "idle" : "unknown"))
                #expect(seen.address == (showsState ? "127.0.0.1" : ""))
                #expect(!seen.changesTables)
            }
            #expect(try await own.sessions(on: "watched").allSatisfy { $0.user != "watched" })
            // A role is also found where it should not be.
            let elsewhere = try await writer("neighbour", "postgres")
            let found = try await own.sessions(on: "watched", orOf: "neighbour").filter { $0.user == "neighbour" }
            // Other tests use this role at the same time.
            #expect(Set(found.map(\.database)).isSuperset(of: ["watched", "postgres"]))
            #expect(try await own.sessions(on: "watched").allSatisfy { $0.database == "watched" })
            await elsewhere.connection.close()
        }

        @Test(arguments: [
            ("changed_1", "CREATE TABLE IF NOT EXISTS t (id int)"), ("changed_2", "create unlogged table u (id int)"),
            ("changed_3", "/* app:chatwoot */ ALTER TABLE t ADD c int"),
            ("changed_4", "\n  CREATE UNIQUE INDEX i ON t (id)"), ("changed_5", "DROP TABLE t"),
        ])
        func aStatementThatChangesTablesShowsForAWhile(name: String, statement: String) async throws {
            let admin = try await database(name)
            let role = try await writer(name, name)
            try await role.execute("CREATE TABLE IF NOT EXISTS t (id int)")
            try await role.execute("SELECT 1")
            func isSeen() async throws -> Bool {
                try #require(try await admin.sessions(on: name).first { $0.user == name }).changesTables
            }
            #expect(try await !isSeen())
            try await role.execute(statement)
            #expect(try await isSeen())
            try await role.execute("SELECT 'create table x' AS harmless")
            #expect(try await !isSeen())
            for table in ["t", "u"] { try await role.execute("DROP TABLE IF EXISTS \(table)") }
        }

        /// Within a transaction the statement may long be another one; the lock stays, and is shown to everybody.
        @Test func aTransactionThatChangedATableShowsByItsLock() async throws {
            let admin = try await database("locked")
            let role = try await writer("locked", "locked")
            try await role.execute("CREATE TABLE t (id int)")
            let other = try await writer("neighbour", "locked")
            let change = Task {
                try await role.execute(
                    "DO $$ BEGIN ALTER TABLE t ADD c int; INSERT INTO t VALUES (1); PERFORM pg_sleep(60); END $$")
            }
            for reader in [admin, other] {
                var isSeen = false
                let deadline = ContinuousClock.now + .seconds(20)
                while !isSeen, .now < deadline {
                    isSeen = try await reader.sessions(on: "locked")
                        .contains { $0.user == "locked" && $0.changesTables }
                }
                #expect(isSeen)
            }
            try await admin.endSessions(of: "locked", on: "locked")
            await #expect(throws: PostgresError.self) { try await change.value }
        }

        /// What pods that serve do all day is no change of tables.
        @Test func readingAndWritingRowsIsNoChangeOfTables() async throws {
            let admin = try await database("serving")
            let role = try await writer("serving", "serving")
            try await role.execute("CREATE TABLE t (id serial, words text)")
            for statement in [
                "INSERT INTO t (words) VALUES ('drop table t')", "UPDATE t SET words = 'x'",
                "SELECT * FROM t FOR UPDATE",
                "DELETE FROM t", "SELECT pg_try_advisory_lock(42)",
            ] {
                try await role.execute(statement)
                let seen = try #require(try await admin.sessions(on: "serving").first { $0.user == "serving" })
                #expect(!seen.changesTables, "\(statement)")
            }
        }

        @Test func endsOneSessionAndOnlyWhileItIsTheOneThatWasFound() async throws {
            let admin = try await database("left_behind")
            let (role, left) = try await (writer("left_behind", "left_behind"), writer("left_behind", "left_behind"))
            try await left.execute("SET application_name = 'chatwoot-migrations-0-1'")
            let named = { (session: DatabaseSession) in session.application == "chatwoot-migrations-0-1" }
            let found = try #require(try await role.sessions(on: "left_behind").first(where: named))
            let (before, after) = ("2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z")
            #expect(try await !role.endSession(found, begunBefore: before))
            var others = [found, found, found, found]
            others[0].application = "chatwoot-migrations-0-2"
            others[1].user = "neighbour"
            others[2].database = "postgres"
            others[3].process = 1
            for other in others { #expect(try await !role.endSession(other, begunBefore: after)) }
            try await left.ping()
            // The role itself may, without the administrator.
            #expect(try await role.endSession(found, begunBefore: after))
            await #expect(throws: PostgresError.self) { try await left.ping() }
            #expect(try await !role.endSession(found, begunBefore: after))
            try await role.ping()
            await admin.connection.close()
        }
    }
}
