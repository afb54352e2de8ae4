import ClientKit
import DataServers
import Postgres
import Testing

extension PostgresServerTests {
    /// A server at the far end of a tunnel, which is for one connection each.
    @Suite struct TunnelTests {
        private let server: PostgresServer

        init() throws {
            server = try PostgresServerTests.server()
        }

        /// A way to the server as `name`, and what has to stay alive for it.
        private func tunnel(
            to name: String, at port: UInt16? = nil, tls: PostgresEndpoint.TLSMode = .verifyFull
        ) -> (endpoint: PostgresEndpoint, relay: Relay) {
            let relay = Relay(to: port ?? server.port)
            var endpoint = server.endpoint()
            endpoint.hosts = [.init(name, port: 5432, dialAddress: "127.0.0.1", dialPort: relay.port)]
            endpoint.tls = tls
            endpoint.rootCertificate = server.rootCertificate
            return (endpoint, relay)
        }

        private func refusal(_ endpoint: PostgresEndpoint) async throws -> PostgresError {
            try await failure { () throws(PostgresError) in
                try await PostgresReader.connect(to: endpoint, observer: IgnoringObserver())
            }
        }

        @Test func certificatesAreVerifiedForTheRealName() async throws {
            let (endpoint, relay) = tunnel(to: "db.test")
            let reader = try await PostgresReader.connect(to: endpoint, observer: IgnoringObserver())
            #expect(try await reader.value("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == true)
            #expect(await reader.connection.place == "db.test:5432/postgres")
            withExtendedLifetime(relay) {}
        }

        /// libpq uses the tunnel up; a second one shows what the first connection failed at.
        @Test func theCauseOfATLSFailureIsThatOfADirectConnection() async throws {
            let (first, firstRelay) = tunnel(to: "other.test")
            let error = try await refusal(first)
            #expect(error.reason == .tls && error.kind == .refused)
            let (second, secondRelay) = tunnel(to: "other.test")
            let explained = await error.tlsCause(through: second)
            #expect(explained.cause.contains("is not for other.test"), "\(explained.cause)")
            #expect(explained.attempt == error.attempt && explained.host == "other.test:5432/postgres")
            withExtendedLifetime((firstRelay, secondRelay)) {}

            let plain = try PostgresServer(settings: "ssl = off")
            defer { plain.stop() }
            let (third, thirdRelay) = tunnel(to: "db.test", at: plain.port)
            let none = try await refusal(third)
            let (fourth, fourthRelay) = tunnel(to: "db.test", at: plain.port)
            let told = await none.tlsCause(through: fourth)
            #expect(told.cause.hasPrefix("the server does not support TLS"), "\(told.cause)")
            withExtendedLifetime((thirdRelay, fourthRelay)) {}
        }

        @Test func anotherErrorStaysAsItIs() async throws {
            let (endpoint, relay) = tunnel(to: "db.test", tls: .require)
            let error = try await refusal(endpoint.loggingIn(as: "kb_admin", password: Secret("wrong")))
            #expect(await error.tlsCause(through: endpoint).cause == error.cause)
            withExtendedLifetime(relay) {}
        }
    }
}
