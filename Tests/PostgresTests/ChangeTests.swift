import ClientKit
import DataServers
import Foundation
import Postgres
import TestSupport
import Testing

extension PostgresServerTests.EveryVersion {
    /// A change is one transaction, and one that meets another session's asks the catalogue.
    @Suite struct ChangeTests {
        private let server: PostgresServer
        private let observer = RecordingObserver()

        init() throws {
            server = try PostgresServerTests.server()
        }

        private func writer(_ database: String = "postgres") async throws -> PostgresWriter {
            try await PostgresWriter.connect(to: server.endpoint(database), observer: observer)
        }

        /// A new database of a new role, both with this name.
        private func database(_ name: String) async throws -> PostgresWriter {
            let admin = try await writer()
            try await admin.ensureRole(name, password: Secret("pw"))
            try await admin.ensureDatabase(name, owner: name)
            return admin
        }

        private var changes: Int { observer.entries.count { $0.activity.effect == .change } }

        @Test func objectsAreTakenOverTogetherOrNotAtAll() async throws {
            _ = try await database("heirs")
            let inside = try await writer("heirs")
            for name in ["first", "second"] { try await inside.execute("CREATE TABLE \(name) ()") }
            func object(_ name: String) -> OwnedObject {
                OwnedObject(
                    kind: "TABLE", schema: "public", name: name, owner: "kb_admin", readerHasOwnersRights: true,
                    takeOver: "ALTER TABLE public.\(name) OWNER TO heirs")
            }
            func owners() async throws -> Set<String> {
                let rows = try await inside.query(
                    "SELECT tableowner::text AS owner FROM pg_tables WHERE schemaname = 'public'")
                return Set(try rows.map { try $0.value("owner", as: String.self) })
            }
            let error = try await failure { () throws(PostgresError) in
                try await inside.takeOver([object("first"), object("missing"), object("second")])
            }
            #expect(error.sqlState == "42P01" && error.cause.contains("missing"))
            #expect(try await owners() == ["kb_admin"])
            // The connection is of use as before.
            let before = changes
            try await inside.takeOver([object("first"), object("second")])
            #expect(try await owners() == ["heirs"])
            #expect(changes == before + 1)
            let sent = try #require(observer.entries.last { $0.activity.effect == .change }?.activity)
            #expect(
                sent.command == [
                    "ALTER TABLE public.first OWNER TO heirs; ALTER TABLE public.second OWNER TO heirs"
                ])
            #expect(sent.purpose == "alter table public.first and 1 more, in one transaction")
            try await inside.takeOver([])
            #expect(changes == before + 1)
        }

        /// What the server still does for a killed process, and commits while the next one waits for it.
        private func meeting(
            _ statements: [String], _ change: @escaping @Sendable (PostgresWriter) async throws -> Void
        ) async throws {
            let orphan = try await writer()
            try await orphan.execute("BEGIN")
            for statement in statements { try await orphan.execute(statement) }
            let (next, witness) = (try await writer(), try await writer())
            let process = try #require(try await next.value("SELECT pg_backend_pid()", as: Int.self))
            let task = Task { try await change(next) }
            let waits = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'"
            let deadline = ContinuousClock.now + .seconds(100)
            while try await witness.value(waits, [String(process)]) != 1 {
                try #require(.now < deadline, "\(statements) does not hold up the next one")
                try await Task.sleep(for: .milliseconds(10))
            }
            try await orphan.execute("COMMIT")
            try await task.value
        }

        @Test func aChangeThatMeetsTheSameOneOfAKilledProcessIsInEffectOnce() async throws {
            let admin = try await database("met")
            try await meeting(["REVOKE CONNECT ON DATABASE met FROM PUBLIC"]) {
                try await $0.revokeConnectFromPublic(on: "met")
            }
            try await meeting(["ALTER DATABASE met ALLOW_CONNECTIONS false"]) {
                try await $0.allowConnections(false, to: "met")
            }
            try await meeting([
                "ALTER DATABASE met RENAME TO met_aside", "ALTER DATABASE met_aside ALLOW_CONNECTIONS true",
            ]) { try await $0.setAside("met", as: "met_aside") }
            #expect(try await admin.databaseState("met") == nil)
            #expect(try await admin.databaseState("met_aside")?.allowsConnections == true)
            try await meeting(["CREATE ROLE met_too LOGIN"]) {
                try await $0.ensureRole("met_too", password: Secret("pw"))
            }
            try await meeting(["ALTER ROLE met_too CREATEDB"]) {
                try await $0.setPassword(Secret("another"), of: "met_too")
            }
            _ = try await PostgresReader.connect(
                to: server.endpoint().loggingIn(as: "met_too", password: Secret("another")),
                observer: IgnoringObserver())
        }

        /// One who takes back what the other has done is no orphan: the change is made after it.
        @Test func aChangeThatMeetsAnotherOneIsMadeAfterIt() async throws {
            let admin = try await database("disputed")
            try await meeting(["ALTER DATABASE disputed CONNECTION LIMIT 5"]) {
                try await $0.revokeConnectFromPublic(on: "disputed")
            }
            #expect(try await admin.databaseState("disputed")?.publicMayConnect == false)
        }
    }
}
