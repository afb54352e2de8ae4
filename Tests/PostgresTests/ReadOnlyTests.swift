import ClientKit
import DataServers
import Postgres
import Testing

extension PostgresServerTests.EveryVersion {
    /// A role or a database that is set read-only on a server that is not.
    @Suite struct ReadOnlyTests {
        private let server: PostgresServer
        private let password = Secret("frozen-pw")

        init() throws {
            server = try PostgresServerTests.server()
        }

        private func admin(_ database: String = "postgres") async throws -> PostgresWriter {
            try await PostgresWriter.connect(to: server.endpoint(database), observer: IgnoringObserver())
        }

        @Test(arguments: [
            ("ROLE \"cold 1\"", 1), ("DATABASE \"cold 2\"", 2), ("ROLE \"cold 3\" IN DATABASE \"cold 3\"", 3),
        ])
        func theSettingIsToldWithItsPlaceAndTheStatementThatEndsIt(_ place: String, _ number: Int) async throws {
            let name = "cold \(number)"
            try await admin().ensureRole(name, password: password)
            try await admin().ensureDatabase(name, owner: name)
            try await admin().execute("ALTER \(place) SET default_transaction_read_only = on")
            let endpoint = server.endpoint(name).loggingIn(as: name, password: password)
            let error = try await failure { () throws(PostgresError) in
                try await PostgresWriter.connect(to: endpoint, observer: IgnoringObserver())
            }
            #expect(error.reason == .readOnlyServer && error.kind == .failed)
            #expect(error.cause == "default_transaction_read_only is on for \(place), not for the server")

            // As told, by a superuser in whatever database.
            var open = server.endpoint(name)
            open.requiresWritable = false
            let superuser = try await PostgresWriter.connect(to: open, observer: IgnoringObserver())
            let statements = try #require(error.remedy.split(separator: ": ", maxSplits: 1).last)
            for statement in statements.split(separator: ";") { try await superuser.execute(String(statement)) }
            try await PostgresWriter.connect(to: endpoint, observer: IgnoringObserver())
                .execute("CREATE TEMPORARY TABLE thawed ()")
        }

        @Test func anAdministratorOfItsOwnMayBeSetReadOnlyToo() async throws {
            let own = try PostgresServer(programs: server.programs)
            defer { own.stop() }
            func refusal() async throws -> PostgresError {
                try await failure { () throws(PostgresError) in
                    try await PostgresReader.connect(to: own.endpoint(), observer: IgnoringObserver())
                }
            }
            var open = own.endpoint()
            open.requiresWritable = false
            let admin = try await PostgresWriter.connect(to: open, observer: IgnoringObserver())
            try await admin.execute("ALTER ROLE ALL SET default_transaction_read_only = on")
            #expect(try await refusal().cause.contains("is on for ROLE ALL"))
            try await admin.execute("ALTER ROLE kb_admin SET default_transaction_read_only = on")
            let error = try await refusal()
            #expect(error.cause.contains("is on for ROLE \"kb_admin\""))
            #expect(error.remedy.hasSuffix("ALTER ROLE \"kb_admin\" RESET default_transaction_read_only"))
        }

        /// What counts for Chatwoot's role is read by the administrator, whose own sessions can write.
        ///
        /// One after the other: servers that start together may be given one port.
        @Test(
            .serialized,
            arguments: [
                (["ROLE ALL": "on"], "ROLE ALL"), (["DATABASE DB": "1", "ROLE ALL": "on"], "DATABASE DB, ROLE ALL"),
                (["ROLE R": "off", "DATABASE DB": "on"], nil),
                (["ROLE R IN DATABASE DB": "yes", "ROLE R": "off", "DATABASE DB": "on"], "ROLE R IN DATABASE DB"),
                (["ROLE R": "TRUE"], "ROLE R"), (["DATABASE DB": "false"], nil),
            ])
        func theStrongestSettingCounts(_ settings: [String: String], _ found: String?) async throws {
            let own = try PostgresServer(programs: server.programs)
            defer { own.stop() }
            var open = own.endpoint()
            open.requiresWritable = false
            let admin = try await PostgresWriter.connect(to: open, observer: IgnoringObserver())
            try await admin.ensureRole("role_x", password: password)
            try await admin.ensureDatabase("db_x", owner: "role_x")
            func named(_ place: String) -> String {
                place.replacing("DB", with: "db_x").replacing("ROLE R", with: "ROLE role_x")
            }
            for (place, value) in settings {
                try await admin.execute("ALTER \(named(place)) SET default_transaction_read_only = '\(value)'")
            }
            let facts = try await admin.serverFacts(database: "db_x", role: "role_x")
            #expect(facts.readOnly == found.map(named))
            // The server agrees.
            var chatwoot = own.endpoint("db_x").loggingIn(as: "role_x", password: password)
            chatwoot.requiresWritable = false
            let role = try await PostgresReader.connect(to: chatwoot, observer: IgnoringObserver())
            let reset: String? = try await role.value(
                "SELECT reset_val FROM pg_settings WHERE name = 'default_transaction_read_only'")
            #expect(reset == (found == nil ? "off" : "on"))
        }
    }
}
