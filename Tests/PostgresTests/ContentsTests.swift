import ClientKit
import DataServers
import Postgres
import Testing

extension PostgresServerTests.EveryVersion {
    /// What a database holds is seen whatever its shape, by whoever may look.
    @Suite struct ContentsTests {
        private let server: PostgresServer
        private let password = Secret("tenant-pw")

        init() throws {
            server = try PostgresServerTests.server()
        }

        private func admin(_ database: String = "postgres") async throws -> PostgresWriter {
            try await PostgresWriter.connect(to: server.endpoint(database), observer: IgnoringObserver())
        }

        private func login(_ role: String, _ database: String) async throws -> PostgresWriter {
            try await PostgresWriter.connect(
                to: server.endpoint(database).loggingIn(as: role, password: password), observer: IgnoringObserver())
        }

        /// A database of its own for a test, owned by a role of the same name.
        private func database(_ name: String) async throws -> PostgresWriter {
            let admin = try await admin()
            try await admin.ensureRole(name, password: password)
            try await admin.ensureDatabase(name, owner: name)
            return try await self.admin(name)
        }

        private func rows(_ contents: DatabaseContents) -> [String: RelationFacts.Rows] {
            Dictionary(
                uniqueKeysWithValues: contents.relations.filter(\.keepsRows).map {
                    ("\($0.object.schema).\($0.object.name)", $0.rows)
                })
        }

        @Test func rowsAreFoundInEveryKindOfTable() async throws {
            let inside = try await database("shapes")
            for statement in [
                "CREATE TABLE empty (id int)", "CREATE TABLE plain AS SELECT 1 AS id",
                "CREATE TABLE \"odd \"\"name'\" AS SELECT 1 AS id",
                "CREATE TABLE emptied AS SELECT generate_series(1, 2000) AS id", "DELETE FROM emptied",
                "CREATE UNLOGGED TABLE unlogged AS SELECT 1 AS id", "CREATE TABLE columnless ()",
                "INSERT INTO columnless DEFAULT VALUES", "CREATE SCHEMA extra",
                "CREATE TABLE extra.notes AS SELECT 1 AS id",
                "CREATE TABLE parted (id int) PARTITION BY RANGE (id)",
                "CREATE TABLE extra.part PARTITION OF parted FOR VALUES FROM (0) TO (9)",
                "INSERT INTO parted VALUES (4)",
                "CREATE MATERIALIZED VIEW report AS SELECT 1 AS id",
                "CREATE MATERIALIZED VIEW later AS SELECT 1 AS id WITH NO DATA",
                "CREATE VIEW plainly AS SELECT 1 AS id", "CREATE TEMP TABLE mine AS SELECT 1 AS id",
            ] { try await inside.execute(statement) }
            var contents = try await inside.contents(for: "shapes", extensions: ["plpgsql", "vector"])
            let some = RelationFacts.Rows.some(counted: nil)
            #expect(
                rows(contents) == [
                    "public.empty": .none, "public.plain": some, "public.odd \"name'": some, "public.emptied": .none,
                    "public.unlogged": some, "public.columnless": some, "extra.notes": some, "extra.part": some,
                    "public.report": some, "public.later": .none,
                ])
            #expect(contents.reader == "kb_admin" && !contents.hasLargeObjects)
            #expect(contents.schemas.map(\.name) == ["extra", "public"])
            #expect(contents.extensions.map(\.schema) == ["pg_catalog", nil])
            try await inside.countRows(in: &contents.relations)
            #expect(rows(contents)["public.plain"] == .some(counted: 1))
            try await inside.execute("INSERT INTO plain SELECT generate_series(1, 5000)")
            _ = try await inside.execute("SELECT lo_create(0)")
            var more = try await inside.contents(for: "shapes", extensions: [])
            try await inside.countRows(in: &more.relations)
            #expect(rows(more)["public.plain"] == .some(counted: RelationFacts.countLimit))
            #expect(more.hasLargeObjects)
        }

        @Test func aLargeTableIsNotReadThrough() async throws {
            let inside = try await database("large")
            try await inside.execute("CREATE TABLE messages AS SELECT generate_series(1, 200000) AS id")
            func rowsReadSoFar() async throws -> Int {
                _ = try await inside.query("SELECT pg_stat_force_next_flush()")
                let rows = try await inside.query(
                    "SELECT seq_tup_read AS rows FROM pg_stat_user_tables WHERE relname = 'messages'")
                return try #require(rows.first).value("rows")
            }
            let before = try await rowsReadSoFar()
            var contents = try await inside.contents(for: "large", extensions: [])
            try await inside.countRows(in: &contents.relations)
            #expect(rows(contents)["public.messages"] == .some(counted: RelationFacts.countLimit))
            let read = try await rowsReadSoFar() - before
            #expect((1...RelationFacts.countLimit + 1).contains(read), "\(read) rows were read")
        }

        @Test func whatABodyMayNotReadIsKnownByItsFile() async throws {
            let inside = try await database("hidden")
            for statement in [
                "CREATE TABLE secrets AS SELECT 1 AS id", "CREATE TABLE nothing (id int)",
                "CREATE TABLE guarded AS SELECT 1 AS id", "ALTER TABLE guarded OWNER TO hidden",
                "ALTER TABLE guarded ENABLE ROW LEVEL SECURITY", "ALTER TABLE guarded FORCE ROW LEVEL SECURITY",
            ] { try await inside.execute(statement) }
            let contents = try await login("hidden", "hidden").contents(for: "hidden", extensions: [])
            #expect(rows(contents) == ["public.secrets": .unseen, "public.nothing": .none, "public.guarded": .unseen])
            #expect(contents.relations.allSatisfy { $0.bytes > 0 || $0.object.name == "nothing" })
            #expect(contents.relations.allSatisfy { !$0.roleSeesRows })
            let whole = try await inside.contents(for: "hidden", extensions: [])
            #expect(rows(whole)["public.secrets"] == .some(counted: nil))
            #expect(rows(whole)["public.guarded"] == .some(counted: nil))
        }

        @Test func everythingOfAnotherOwnerCanBeTakenOver() async throws {
            let inside = try await database("heir of all")
            for statement in [
                "CREATE TABLE \"it's \"\"mine\"\"\" (id serial)", "CREATE SEQUENCE lone",
                "CREATE VIEW seen AS SELECT 1 AS id",
                "CREATE MATERIALIZED VIEW kept AS SELECT 1 AS id", "CREATE TYPE mood AS ENUM ('a')",
                "CREATE DOMAIN small AS int", "CREATE TYPE pair AS (a int, b int)",
                "CREATE TYPE span AS RANGE (subtype = int)",
                "CREATE FUNCTION f(int, text) RETURNS int LANGUAGE sql AS 'SELECT 1'",
                "CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1'",
                "CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int)",
                "CREATE TABLE parted (id int) PARTITION BY RANGE (id)",
                "CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (9)", "CREATE EXTENSION pg_trgm",
            ] { try await inside.execute(statement) }
            func foreign() async throws -> [OwnedObject] {
                let contents = try await inside.contents(for: "heir of all", extensions: [])
                return contents.relations.map(\.object).filter { $0.owner != "heir of all" } + contents.foreignRoutines
            }
            let found = try await foreign()
            #expect(
                Set(found.map(\.name)) == [
                    "it's \"mine\"", "lone", "seen", "kept", "mood", "small", "pair", "span", "f", "p", "total",
                    "parted",
                    "part",
                ], "\(found.map(\.name))")
            #expect(found.allSatisfy { $0.owner == "kb_admin" && $0.ownerIsSuperuser && $0.readerHasOwnersRights })
            try await inside.takeOver(found)
            #expect(try await foreign().isEmpty)
            try await login("heir of all", "heir of all").execute("DROP TABLE \"it's \"\"mine\"\"\"")
        }

        @Test func aLookThatMeetsADroppedTableLooksAgain() async throws {
            let inside = try await database("fleeting")
            let owner = try await login("fleeting", "fleeting")
            try await owner.execute("GRANT USAGE, CREATE ON SCHEMA public TO fleeting")
            let churn = Task {
                for _ in 0..<150 {
                    try await owner.execute("CREATE TABLE comes_and_goes AS SELECT 1 AS id")
                    try await owner.execute("DROP TABLE comes_and_goes")
                }
            }
            var looks = 0
            while looks < 40 {
                do throws(PostgresError) {
                    _ = try await inside.contents(for: "fleeting", extensions: [])
                } catch {
                    // Three in a row may all meet one; nothing else may come of it.
                    #expect(error.sqlState == "42P01", "\(error)")
                }
                looks += 1
            }
            try await churn.value
        }

        @Test func theServerIsReadWithWhatTheReaderMayDo() async throws {
            let admin = try await admin()
            let none = try await admin.serverFacts(database: "nowhere", role: "nobody at all")
            #expect(none.database == nil && none.role == nil && none.reader.attributes.isSuperuser)
            #expect(none.version >= 150_000 && none.rightsOnRole == .init())
            _ = try await database("facts")
            try await admin.execute("ALTER ROLE facts SET search_path = a, b")
            try await admin.execute("ALTER DATABASE facts SET search_path = c")
            var facts = try await admin.serverFacts(database: "facts", role: "facts")
            #expect(facts.searchPath == "a, b" && facts.readOnly == nil && facts.readerOwnsDatabase)
            #expect(facts.database?.owner == "facts" && facts.role?.attributes == RoleAttributes())
            try await admin.execute("ALTER ROLE facts IN DATABASE facts SET search_path = d")
            try await admin.execute("ALTER DATABASE facts SET default_transaction_read_only = on")
            facts = try await admin.serverFacts(database: "facts", role: "facts")
            #expect(facts.searchPath == "d" && facts.readOnly == "DATABASE facts")
            try await admin.execute("ALTER DATABASE facts ALLOW_CONNECTIONS false")
            #expect(try await admin.serverFacts(database: "facts", role: "facts").database?.allowsConnections == false)
        }

        @Test func aDatabaseIsShutEmptiedAndRenamed() async throws {
            _ = try await database("shut")
            let admin = try await admin()
            let guest = try await login("shut", "shut")
            try await guest.ping()
            try await admin.allowConnections(false, to: "shut")
            // Whoever is inside stays inside until it is ended.
            try await guest.ping()
            #expect(try await admin.sessions(on: "shut").contains { $0.user == "shut" })
            try await admin.endSessions(of: "shut", on: "shut")
            await #expect(throws: PostgresError.self) { try await guest.ping() }
            let refused = await #expect(throws: PostgresError.self) { _ = try await login("shut", "shut") }
            #expect(refused?.sqlState == "55000")
            let refusedAdmin = await #expect(throws: PostgresError.self) { _ = try await self.admin("shut") }
            #expect(refusedAdmin?.sqlState == "55000")
            // The sessions are still on their way out, the administrator's of `database(_:)` among them.
            try await admin.endSessions(of: "kb_admin", on: "shut")
            while try await !admin.sessions(on: "shut").isEmpty { await Task.yield() }
            try await admin.setAside("shut", as: "shut_aside")
            #expect(try await admin.databaseState("shut_aside")?.allowsConnections == true)
            try await login("shut", "shut_aside").ping()
        }
    }
}
