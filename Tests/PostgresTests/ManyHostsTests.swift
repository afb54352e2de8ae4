import ClientKit
import DataServers
import Foundation
import Postgres
import TestSupport
import Testing

extension PostgresServerTests {
    @Suite struct ManyHostsTests {
        private let server: PostgresServer

        init() throws {
            server = try PostgresServerTests.server()
        }

        @Test func theFirstServerThatCanBeWrittenToIsTaken() async throws {
            let admin = try await PostgresWriter.connect(to: server.endpoint(), observer: IgnoringObserver())
            try await admin.execute("CREATE ROLE replicator LOGIN REPLICATION PASSWORD 'replicator'")
            let standby = try PostgresServer(standbyOf: server)
            defer { standby.stop() }
            let frozen = try PostgresServer(settings: "default_transaction_read_only = on")
            defer { frozen.stop() }
            let hole = BlackHole()

            var endpoint = server.endpoint()
            endpoint.connectTimeout = .seconds(2)
            endpoint.hosts = [freePort(), hole.port, standby.port, frozen.port, server.port].map {
                .init("127.0.0.1", port: $0)
            }
            for tls in [PostgresEndpoint.TLSMode.disable, .prefer] {
                endpoint.tls = tls
                let reader = try await PostgresReader.connect(to: endpoint, observer: IgnoringObserver())
                #expect(await reader.connection.place == "127.0.0.1:\(server.port)/postgres")
            }

            // The rest answers: its time is no matter.
            endpoint.connectTimeout = .seconds(60)

            func refusal(_ hosts: [PostgresServer], from endpoint: PostgresEndpoint) async throws -> PostgresError {
                var endpoint = endpoint
                endpoint.hosts = hosts.map { .init("127.0.0.1", port: $0.port) }
                return try await failure { () throws(PostgresError) in
                    try await PostgresWriter.connect(to: endpoint, observer: IgnoringObserver())
                }
            }
            let standbyOnly = try await refusal([standby], from: endpoint)
            #expect(standbyOnly.reason == .readOnlyServer && standbyOnly.cause.contains("standby"))
            let frozenOnly = try await refusal([frozen], from: endpoint)
            #expect(frozenOnly.reason == .readOnlyServer && frozenOnly.cause.contains("default_transaction_read_only"))
            let both = try await refusal([standby, frozen], from: endpoint)
            #expect(both.cause.contains("\(standby.port)") && both.cause.contains("\(frozen.port)"))

            endpoint.hosts = [.init("127.0.0.1", port: standby.port)]
            endpoint.requiresWritable = false
            let reader = try await PostgresReader.connect(to: endpoint, observer: IgnoringObserver())
            #expect(try await reader.value("SELECT pg_is_in_recovery()") == true)
            endpoint.hosts = [.init("127.0.0.1", port: frozen.port)]
            let overruled = try await PostgresWriter.connect(to: endpoint, observer: IgnoringObserver())
            let error = try await failure { () throws(PostgresError) in try await overruled.execute("CREATE TABLE t ()")
            }
            #expect(error.sqlState == "25006")
        }

        @Test func aWrongPasswordIsNotTriedOnTheNextServer() async throws {
            let observer = RecordingObserver()
            var endpoint = server.endpoint()
            endpoint.password = Secret("wrong")
            endpoint.hosts.append(.init("127.0.0.1", port: freePort()))
            let wrong = endpoint
            let error = try await failure { () throws(PostgresError) in
                try await PostgresReader.connect(to: wrong, observer: observer)
            }
            #expect(error.sqlState == "28P01")
            #expect(observer.entries.map(\.ends) == [[.refused(code: "28P01")]])
        }
    }
}
