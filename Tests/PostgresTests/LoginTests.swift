import ClientKit
import DataServers
import Foundation
import Postgres
import Testing

extension PostgresServerTests {
    @Suite struct LoginTests {
        private let server: PostgresServer
        private var endpoint: PostgresEndpoint

        init() throws {
            server = try PostgresServerTests.server()
            endpoint = server.endpoint()
        }

        private func refusal(_ change: (inout PostgresEndpoint) -> Void) async throws -> PostgresError {
            var endpoint = endpoint
            change(&endpoint)
            return try await failure { () throws(PostgresError) in
                try await PostgresReader.connect(to: endpoint, observer: IgnoringObserver())
            }
        }

        @Test func theRightPasswordLetsInAndTheServerIsKnown() async throws {
            let reader = try await PostgresReader.connect(to: endpoint, observer: IgnoringObserver())
            #expect(await reader.connection.isAlive)
            #expect(await !reader.connection.isPooled)
            #expect(await reader.connection.serverVersion >= 150_000)
            #expect(try await reader.value("SELECT current_user") == "kb_admin")
            #expect(try await reader.value("SELECT current_setting('application_name')") == "keybuzz-runner")
            await reader.connection.close()
            #expect(await !reader.connection.isAlive)
            let error = try await failure { () throws(PostgresError) in try await reader.ping() }
            #expect(error.reason == .connectionLost && error.kind == .unreachable)
        }

        @Test func nothingOfTheEnvironmentReachesTheSession() async throws {
            let reader = try await PostgresReader.connect(to: endpoint, observer: IgnoringObserver())
            #expect(try await reader.value("SELECT current_setting('search_path')") == "\"$user\", public")
            #expect(try await reader.value("SELECT current_setting('TimeZone')") != "Asia/Tokyo")
            #expect(try await reader.value("SELECT current_setting('client_encoding')") == "UTF8")
        }

        @Test func aWrongPasswordIsRefused() async throws {
            let error = try await refusal { $0.password = Secret("wrong") }
            #expect(error.sqlState == "28P01" && error.kind == .refused)
            #expect(error.host == "127.0.0.1:\(server.port)/postgres")
            #expect(!error.description.contains("LOCATION"))
        }

        @Test func aMissingDatabaseIsNamed() async throws {
            let error = try await refusal { $0.database = "nowhere" }
            #expect(error.sqlState == "3D000" && error.kind == .failed && error.cause.contains("nowhere"))
        }

        @Test func aRoleThatMayNotLogInAndOneWithTooManyConnectionsAreToldApart() async throws {
            let admin = try await PostgresWriter.connect(to: endpoint, observer: IgnoringObserver())
            try await admin.execute("CREATE ROLE locked_out NOLOGIN PASSWORD 'pw'")
            try await admin.execute("CREATE ROLE crowded LOGIN CONNECTION LIMIT 0 PASSWORD 'pw'")
            let locked = try await refusal { $0 = $0.loggingIn(as: "locked_out", password: Secret("pw")) }
            #expect(locked.sqlState == "28000" && locked.kind == .refused)
            let crowded = try await refusal { $0 = $0.loggingIn(as: "crowded", password: Secret("pw")) }
            #expect(crowded.sqlState == "53300" && crowded.kind == .unreachable)
        }

        /// The server's own words alone do not say what pg_hba.conf is, nor what to do there.
        @Test func aLoginThatThePgHbaFileStopsIsExplained() async throws {
            let folder = try makeTemporaryDirectory()
            defer { try? FileManager.default.removeItem(at: folder) }
            let file = folder.appendingPathComponent("pg_hba.conf")
            try "host all all 127.0.0.2/32 scram-sha-256\n".write(to: file, atomically: true, encoding: .utf8)
            try runTool(["chown", "-R", "postgres", folder.path])
            let strict = try PostgresServer(settings: "hba_file = '\(file.path)'")
            defer { strict.stop() }
            let error = try await refusal { $0.hosts = strict.endpoint().hosts }
            #expect(error.sqlState == "28000" && error.kind == .refused)
            #expect(error.cause.hasPrefix("the server does not allow this role to log in to this database"))
            #expect(error.cause.contains("no pg_hba.conf entry for host \"127.0.0.1\", user \"kb_admin\""))
            #expect(error.remedy.contains("add a line for role, database and address"))
        }

        @Test func aPortWhereNobodyListensIsUnreachable() async throws {
            let error = try await refusal { $0.hosts[0].port = freePort() }
            #expect(error.reason == .cannotConnect && error.kind == .unreachable && error.cause.contains("refused"))
        }

        @Test func anUnknownNameIsSaidSo() async throws {
            // A label of 64 letters is refused by the resolver itself, without any query.
            let error = try await refusal { $0.hosts[0].name = String(repeating: "a", count: 64) }
            #expect(error.reason == .nameNotFound && error.kind == .unreachable)
        }

        @Test func aServerThatNeverAnswersIsGivenUpInTime() async throws {
            let silent = Listener { pump(from: $0, chunk: 100) { _ in true } }
            let hole = BlackHole()
            for port in [silent.port, hole.port] {
                let start = ContinuousClock.now
                let error = try await refusal {
                    $0.hosts[0].port = port
                    $0.connectTimeout = .milliseconds(400)
                }
                #expect(error.reason == .connectDeadline && error.kind == .unreachable, "\(error)")
                #expect((.milliseconds(400) ..< .seconds(15)).contains(ContinuousClock.now - start))
            }
        }

        @Test func aCancelledTaskStopsWaitingAtOnce() async throws {
            let silent = Listener { pump(from: $0, chunk: 100) { _ in true } }
            let start = ContinuousClock.now
            let task = Task {
                try await refusal {
                    $0.hosts[0].port = silent.port
                    $0.connectTimeout = .seconds(30)
                }
            }
            task.cancel()
            let error = try await task.value
            #expect(error.reason == .interrupted && error.kind == .failed)
            #expect(ContinuousClock.now - start < .seconds(15))
        }

        @Test(arguments: [PostgresEndpoint.TLSMode.disable, .prefer])
        func aPeerThatClosesAtOnceIsTakenForALoadBalancer(tls: PostgresEndpoint.TLSMode) async throws {
            let closing = Listener { _ in }
            let error = try await refusal {
                $0.hosts[0].port = closing.port
                $0.tls = tls
            }
            #expect(error.reason == .closedBeforeLogin && error.kind == .unreachable)
            #expect(error.remedy.contains("load balancer"))
        }

        @Test func haproxyWithoutAHealthyServerIsSaidSo() async throws {
            let front = freePort()
            let directory = try makeTemporaryDirectory()
            defer { try? FileManager.default.removeItem(at: directory) }
            let configuration = directory.appendingPathComponent("haproxy.cfg")
            try """
            defaults
              mode tcp
              timeout connect 1s
              timeout client 10s
              timeout server 10s
            listen postgres
              bind 127.0.0.1:\(front)
              server pg1 127.0.0.1:\(freePort()) check inter 100 fall 1

            """.write(to: configuration, atomically: true, encoding: .utf8)
            let haproxy = try ServerProcess(
                ["haproxy", "-db", "-f", configuration.path], port: front, log: directory.appendingPathComponent("log"))
            defer { haproxy.stop() }
            let error = try await refusal { $0.hosts[0].port = front }
            #expect(error.reason == .closedBeforeLogin && error.kind == .unreachable)
        }

        @Test func aPeerThatIsNotPostgresIsSaidSo() async throws {
            let web = Listener { connection in
                pump(from: connection, chunk: 100) { _ in
                    sendAll(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8), to: connection)
                    return true
                }
            }
            let error = try await refusal {
                $0.hosts[0].port = web.port
                $0.tls = .disable
            }
            #expect(error.reason == .notPostgres && error.kind == .failed)
        }

        @Test func aVerifyingModeWithoutARootCertificateIsRefused() async throws {
            #expect(try await refusal { $0.tls = .verifyFull }.reason == .invalidInput)
        }

        @Test func aCertificateThatIsNotTheRightOneIsToldWithItsFault() async throws {
            let other = server.directory.appendingPathComponent("other.crt").path
            let key = server.directory.appendingPathComponent("other.key").path
            try runTool([
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                "2", "-subj", "/CN=other", "-keyout", key, "-out", other,
            ])
            let wrong = try await refusal {
                $0.tls = .verifyCA
                $0.rootCertificate = other
            }
            #expect(wrong.reason == .tls && wrong.cause.contains("not signed by a CA"))
            let name = try await refusal {
                $0.tls = .verifyFull
                $0.rootCertificate = server.rootCertificate
            }
            #expect(name.reason == .tls && name.cause.contains("is not for 127.0.0.1"))
            var anyName = endpoint
            anyName.tls = .verifyCA
            anyName.rootCertificate = server.rootCertificate
            let reader = try await PostgresReader.connect(to: anyName, observer: IgnoringObserver())
            #expect(try await reader.value("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == true)
        }

        @Test func aServerWithoutTLSIsSaidSoAndAllowIsNotPrefer() async throws {
            let plain = try PostgresServer(settings: "ssl = off")
            defer { plain.stop() }
            for tls in [PostgresEndpoint.TLSMode.require, .verifyFull] {
                let error = try await refusal {
                    $0.hosts[0].port = plain.port
                    $0.tls = tls
                    $0.rootCertificate = server.rootCertificate
                }
                #expect(error.reason == .tls && error.cause.hasPrefix("the server does not support TLS"))
            }
            for (tls, isEncrypted) in [(PostgresEndpoint.TLSMode.allow, false), (.prefer, true)] {
                var endpoint = endpoint
                endpoint.tls = tls
                let reader = try await PostgresReader.connect(to: endpoint, observer: IgnoringObserver())
                #expect(
                    try await reader.value("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == isEncrypted)
            }
        }

        @Test(arguments: ["", "a\0b"])
        func passwordsThatCannotBeAreRefusedBeforeDialling(password: String) async throws {
            let error = try await refusal { $0.password = Secret(password) }
            #expect(error.reason == .invalidInput && error.kind == .badInput)
        }
    }
}
