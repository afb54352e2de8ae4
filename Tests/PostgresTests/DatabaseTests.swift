import ClientKit
import DataServers
import Foundation
import Postgres
import TestSupport
import Testing

extension PostgresServerTests.EveryVersion {
    @Suite struct DatabaseTests {
        private let server: PostgresServer
        private let observer = RecordingObserver()
        private let password = Secret("chatwoot-pw")

        init() throws {
            server = try PostgresServerTests.server()
        }

        private func writer(_ database: String = "postgres") async throws -> PostgresWriter {
            try await PostgresWriter.connect(to: server.endpoint(database), observer: observer)
        }

        private var changes: Int { observer.entries.filter { $0.activity.effect == .change }.count }

        @Test func aDatabaseIsMadeReadyForItsOwnerAndStaysSo() async throws {
            func makeReady() async throws {
                let admin = try await writer()
                try await admin.ensureRole("chatwoot", password: password)
                let state = try await admin.ensureDatabase("chatwoot", owner: "chatwoot")
                #expect(state.owner == "chatwoot" && state.encoding == "UTF8" && state.allowsConnections)
                try await admin.revokeConnectFromPublic(on: "chatwoot")
                try await admin.grantConnectToOwner(of: "chatwoot")
                let rights = try await admin.databaseState("chatwoot")
                #expect(rights?.publicMayConnect == false && rights?.ownerMayConnect == true)
                let inside = try await writer("chatwoot")
                for name in ["pg_stat_statements", "pg_trgm", "pgcrypto"] { try await inside.ensureExtension(name) }
                try await inside.grantUse(to: "chatwoot")
            }
            #expect(try await writer().databaseState("chatwoot") == nil)
            try await makeReady()
            let made = changes
            try await makeReady()
            #expect(changes == made)

            try await writer().execute("REVOKE ALL ON DATABASE chatwoot FROM chatwoot")
            #expect(try await writer().databaseState("chatwoot")?.ownerMayConnect == false)
            try await writer().grantConnectToOwner(of: "chatwoot")
            #expect(try await writer().databaseState("chatwoot")?.ownerMayConnect == true)

            let owner = try await PostgresWriter.connect(
                to: server.endpoint("chatwoot").loggingIn(as: "chatwoot", password: password), observer: observer)
            let schema = try #require(try await owner.schemaState(for: "chatwoot"))
            #expect(schema.roleMayUse && schema.roleMayCreate)
            try await owner.execute("CREATE TABLE users ()")
            let extensions = try await owner.extensionStates(["plpgsql", "pg_trgm", "no such \"thing\\"])
            #expect(extensions.map(\.name) == ["plpgsql", "pg_trgm", "no such \"thing\\"])
            #expect(extensions.map { $0.installedVersion != nil } == [true, true, false])
            #expect(extensions[2].availableVersion == nil)

            try await writer().ensureRole("stranger", password: password)
            let stranger = server.endpoint("chatwoot").loggingIn(as: "stranger", password: password)
            let error = try await failure { () throws(PostgresError) in
                try await PostgresReader.connect(to: stranger, observer: IgnoringObserver())
            }
            #expect(error.sqlState == "42501")
        }

        @Test func aDatabaseInUseIsNotRenamedAndItsSessionsAreNamed() async throws {
            let admin = try await writer()
            try await admin.ensureRole("tenant", password: password)
            try await admin.ensureDatabase("in use", owner: "tenant")
            let tenant = try await PostgresReader.connect(
                to: server.endpoint("in use").loggingIn(as: "tenant", password: password), observer: observer)
            let session = try #require(try await admin.sessions(on: "in use").first)
            #expect(session.user == "tenant" && session.address == "127.0.0.1")
            #expect(session.description.contains("tenant from 127.0.0.1 (keybuzz-runner)"))
            let busy = try await failure { () throws(PostgresError) in
                try await admin.setAside("in use", as: "aside")
            }
            #expect(busy.sqlState == "55006")
            #expect(try await admin.databaseState("in use") != nil)

            await tenant.connection.close()
            let deadline = ContinuousClock.now + .seconds(20)
            while try await !admin.sessions(on: "in use").isEmpty, .now < deadline { await Task.yield() }
            try await admin.setAside("in use", as: "it's \"aside\"")
            #expect(try await admin.databaseState("in use") == nil)
            #expect(try await admin.databaseState("it's \"aside\"")?.owner == "tenant")
            try await admin.ensureDatabase("in use", owner: "tenant")
            let taken = try await failure { () throws(PostgresError) in
                try await admin.setAside("in use", as: "it's \"aside\"")
            }
            #expect(taken.sqlState == "42P04")
            let long = try await failure { () throws(PostgresError) in
                try await admin.setAside("in use", as: String(repeating: "x", count: 64))
            }
            #expect(long.reason == .invalidInput)
        }

        @Test func aForeignDatabaseGetsItsOwner() async throws {
            let admin = try await writer()
            try await admin.ensureRole("heir", password: password)
            try await admin.execute("CREATE DATABASE inherited TEMPLATE template0")
            #expect(try await admin.databaseState("inherited")?.owner == "kb_admin")
            #expect(try await admin.ensureDatabase("inherited", owner: "heir").owner == "heir")
        }

        @Test func aWrongEncodingIsNotPassedOver() async throws {
            let admin = try await writer()
            try await admin.execute(
                "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
            let error = try await failure { () throws(PostgresError) in
                try await admin.ensureDatabase("latin", owner: "kb_admin")
            }
            #expect(error.reason == .notInEffect && error.cause.contains("LATIN1"))
        }

        @Test func onlyTrustedExtensionsAreForPlainOwners() async throws {
            let admin = try await writer()
            try await admin.ensureRole("plain", password: password)
            try await admin.ensureDatabase("plain", owner: "plain")
            let owner = try await PostgresWriter.connect(
                to: server.endpoint("plain").loggingIn(as: "plain", password: password), observer: observer)
            try await owner.ensureExtension("pg_trgm")
            let refused = try await failure { () throws(PostgresError) in
                try await owner.ensureExtension("pg_stat_statements")
            }
            #expect(refused.sqlState == "42501" && refused.kind == .failed && refused.remedy.contains("superuser"))
            try await writer("plain").ensureExtension("pg_stat_statements")
            try await owner.ensureExtension("pg_stat_statements")
            let missing = try await failure { () throws(PostgresError) in
                try await owner.ensureExtension("of_no_server")
            }
            #expect(missing.sqlState == "0A000" && missing.remedy.contains("postgresql-NN-pgvector"))
            #expect(missing.cause.hasPrefix("the server lacks a file or feature that is required: "))
        }

        @Test func aRevokeThatDoesNothingIsAnError() async throws {
            let admin = try await writer()
            try await admin.ensureRole("powerless", password: password)
            try await admin.ensureDatabase("guarded", owner: "kb_admin")
            let other = try await PostgresWriter.connect(
                to: server.endpoint().loggingIn(as: "powerless", password: password), observer: observer)
            let error = try await failure { () throws(PostgresError) in
                try await other.revokeConnectFromPublic(on: "guarded")
            }
            #expect(error.sqlState == "42501" || error.reason == .notInEffect)
            let creation = try await failure { () throws(PostgresError) in
                try await other.ensureDatabase("more", owner: "powerless")
            }
            #expect(creation.sqlState == "42501" && creation.kind == .failed)
        }

        @Test func aDatabaseWhoseCreationWasCutOffIsFoundAfterwards() async throws {
            let relay = Relay(to: server.port) { bytes in
                String(decoding: bytes, as: UTF8.self).contains("CREATE DATABASE") ? .passThenCut : .pass
            }
            var endpoint = server.endpoint()
            endpoint.hosts = [.init("db.test", port: 5432, dialAddress: "127.0.0.1", dialPort: relay.port)]
            endpoint.tls = .disable
            let cut = try await PostgresWriter.connect(to: endpoint, observer: observer)
            let error = try await failure { () throws(PostgresError) in
                try await cut.ensureDatabase("orphan", owner: "kb_admin")
            }
            #expect(error.kind == .unknownOutcome && error.reason == .connectionLost)
            #expect(error.host == "db.test:5432/postgres")
            #expect(observer.entries.last?.isUnknown == true)
            #expect(await !cut.connection.isAlive)

            let admin = try await writer()
            let deadline = ContinuousClock.now + .seconds(20)
            while try await admin.databaseState("orphan") == nil, .now < deadline { await Task.yield() }
            let before = changes
            #expect(try await admin.ensureDatabase("orphan", owner: "kb_admin").owner == "kb_admin")
            #expect(changes == before)
        }
    }
}
