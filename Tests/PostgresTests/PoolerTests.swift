import ClientKit
import DataServers
import Foundation
import TestSupport
import Testing

@testable import Postgres

extension PostgresServerTests {
    @Suite struct PoolerTests {
        @Test(arguments: ["transaction", "session"])
        func behindAPoolerReadersStillCannotWriteAndLeaveNothingBehind(mode: String) async throws {
            let server = try PostgresServerTests.server()
            let directory = try makeTemporaryDirectory()
            defer { try? FileManager.default.removeItem(at: directory) }
            let port = freePort()
            let settings = directory.appendingPathComponent("pgbouncer.ini")
            let users = directory.appendingPathComponent("users.txt")
            let name = "pooled_\(mode)"
            let admin = try await PostgresWriter.connect(to: server.endpoint(), observer: IgnoringObserver())
            try await admin.ensureRole(name, password: Secret("pooled-pw"))
            try await admin.ensureDatabase(name, owner: name)
            try "\"\(name)\" \"pooled-pw\"\n".write(to: users, atomically: true, encoding: .utf8)
            try """
            [databases]
            \(name) = host=127.0.0.1 port=\(server.port)
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = \(port)
            unix_socket_dir =
            auth_type = scram-sha-256
            auth_file = \(users.path)
            pool_mode = \(mode)
            default_pool_size = 1

            """.write(to: settings, atomically: true, encoding: .utf8)
            try runTool(["chown", "-R", "postgres", directory.path])
            let pooler = try ServerProcess(
                ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "pgbouncer", settings.path],
                port: port, log: directory.appendingPathComponent("log"))
            defer { pooler.stop() }

            let endpoint = PostgresEndpoint(
                hosts: [.init("127.0.0.1", port: port)], database: name, user: name, password: Secret("pooled-pw"),
                connectTimeout: .seconds(10), statementTimeout: .seconds(30))
            let reader = try await PostgresReader.connect(to: endpoint, observer: IgnoringObserver())
            #expect(await reader.connection.isPooled)
            let error = try await failure { () throws(PostgresError) in try await reader.query("CREATE TABLE t ()") }
            #expect(error.sqlState == "25006")
            #expect(try await reader.value("SELECT 1") == 1)
            #expect(try await reader.value("SELECT current_setting('statement_timeout')") == "0")
            await reader.connection.close()

            let writer = try await PostgresWriter.connect(to: endpoint, observer: IgnoringObserver())
            try await writer.execute("CREATE TABLE made ()")
            #expect(try await writer.value("SELECT to_regclass('made') IS NOT NULL") == true)
            await writer.connection.close()

            // What refuses changes of another run leaves nothing behind either.
            let observer = RecordingObserver()
            observer.fence = Fence(module: 11, number: 5, end: .now + .seconds(60))
            let fenced = try await PostgresWriter.connect(to: endpoint, observer: observer)
            try await fenced.execute("CREATE TABLE made_in_time ()")
            let alone = try await failure { () throws(PostgresError) in
                try await fenced.rows(Statement(changing: "CREATE DATABASE not_allowed", isAlone: true))
            }
            #expect(alone.sqlState == "42501")
            // pg_locks shows the whole server, and so what the other case holds just now.
            let left = """
                SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database
                WHERE locktype = 'advisory' AND d.datname = current_database()
                """
            #expect(try await fenced.value(left) == 0)
            observer.fence = Fence(module: 11, number: 5, end: .now - .seconds(1))
            let late = try await failure { () throws(PostgresError) in try await fenced.execute("CREATE TABLE late ()")
            }
            #expect(late.reason == .fenced)
            #expect(try await fenced.value("SELECT to_regclass('late') IS NULL") == true)
            await fenced.connection.close()

            var encrypted = endpoint
            encrypted.tls = .require
            let withTLS = encrypted
            let refused = try await failure { () throws(PostgresError) in
                try await PostgresReader.connect(to: withTLS, observer: IgnoringObserver())
            }
            #expect(refused.reason == .tls && refused.kind == .refused)
        }
    }
}
