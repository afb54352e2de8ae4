import ClientKit
import DataServers
import Foundation
import Postgres
import TestSupport
import Testing

extension PostgresServerTests {
    /// A path to PostgreSQL that breaks in each way, at each moment of a statement.
    @Suite struct FaultyPathTests {
        private let server: PostgresServer
        private let proxy: FaultyProxy
        private let observer = RecordingObserver()

        init() throws {
            server = try PostgresServerTests.server()
            proxy = FaultyProxy(to: server.port)
        }

        private var endpoint: PostgresEndpoint {
            var endpoint = server.endpoint()
            endpoint.hosts[0].port = proxy.port
            endpoint.connectTimeout = TimeLimit(.seconds(4), key: "limits.service")
            // The server may need all of it, and this side waits two seconds more.
            endpoint.statementTimeout = TimeLimit(.seconds(3), key: "limits.service")
            return endpoint
        }

        @Test(arguments: FaultyProxy.Fault.allCases, FaultyProxy.Moment.allCases)
        func aChangeIsUnknownAndNeverDoneTwice(fault: FaultyProxy.Fault, moment: FaultyProxy.Moment) async throws {
            let writer = try await PostgresWriter.connect(to: endpoint, observer: observer)
            let role = "faulty_\(fault)_\(moment)".lowercased()
            proxy.arm(fault, at: moment)
            if fault == .delay {
                try await writer.execute("CREATE ROLE \(role)")
            } else {
                let (error, took) = try await timed { () throws(PostgresError) in
                    try await writer.execute("CREATE ROLE \(role)")
                }
                #expect(error.kind == .unknownOutcome)
                expect(error, after: took, fault)
                #expect(observer.entries.last?.isUnknown == true)
                #expect(await !writer.connection.isAlive)
            }
            #expect(proxy.hits == 1)
            // A statement whose answer was cut off may still be on its way to the disk.
            let reader = try await PostgresReader.connect(to: endpoint, observer: observer)
            let isDone = fault == .delay || moment == .inAnswer
            let exists = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)"
            let deadline = ContinuousClock.now + .seconds(10)
            while isDone, try await reader.value(exists, [role]) != true, .now < deadline { await Task.yield() }
            #expect(try await reader.value(exists, [role]) == isDone)
            #expect(server.log.components(separatedBy: "CREATE ROLE \(role)").count == (isDone ? 2 : 1))
            counted(fault)
        }

        @Test(arguments: FaultyProxy.Fault.allCases, FaultyProxy.Moment.allCases)
        func aReadIsUnreachable(fault: FaultyProxy.Fault, moment: FaultyProxy.Moment) async throws {
            let reader = try await PostgresReader.connect(to: endpoint, observer: observer)
            proxy.arm(fault, at: moment)
            if fault == .delay {
                #expect(try await reader.value("SELECT 7") == 7)
            } else {
                let (error, took) = try await timed { () throws(PostgresError) in try await reader.query("SELECT 7") }
                #expect(error.kind == .unreachable)
                expect(error, after: took, fault)
            }
            #expect(proxy.hits == 1)
            let next = try await PostgresReader.connect(to: endpoint, observer: observer)
            #expect(try await next.value("SELECT 7") == 7)
            counted(fault)
        }

        /// At the first word, in the middle of the TLS handshake, and while it is decided on the password.
        @Test(arguments: FaultyProxy.Fault.allCases, [0, 1, 700, 2000])
        func aLoginIsUnreachable(fault: FaultyProxy.Fault, after bytes: Int) async throws {
            for direction in FaultyProxy.Direction.allCases {
                let proxy = FaultyProxy(to: server.port)
                var endpoint = endpoint
                endpoint.hosts[0].port = proxy.port
                // libpq would try again without TLS.
                endpoint.tls = .require
                proxy.arm(fault, direction, after: bytes)
                if fault == .delay {
                    let reader = try await PostgresReader.connect(to: endpoint, observer: observer)
                    #expect(try await reader.value("SELECT 7") == 7)
                    continue
                }
                let (error, took) = try await timed { () throws(PostgresError) in
                    let reader = try await PostgresReader.connect(to: endpoint, observer: observer)
                    // Where the login is shorter than that, it is the first statement.
                    for _ in 0..<50 { _ = try await reader.query("SELECT 7") }
                }
                #expect(error.kind == .unreachable, "\(bytes) bytes \(direction): \(error)")
                #expect(took < .seconds(25))
                if fault.isSilent { #expect(error.cause.contains(/within [34] s \(limits.service\)/), "\(error)") }
                #expect(proxy.hits == 1)
                let next = try await PostgresReader.connect(to: endpoint, observer: observer)
                #expect(try await next.value("SELECT 7") == 7)
                counted(fault)
            }
        }

        @Test(arguments: [true, false]) func whatIsCutWhileIdleSendsNothing(isReset: Bool) async throws {
            let writer = try await PostgresWriter.connect(to: endpoint, observer: observer)
            proxy.cut(withReset: isReset)
            let deadline = ContinuousClock.now + .seconds(10)
            while await writer.connection.isAlive, .now < deadline { await Task.yield() }
            let error = try await failure { () throws(PostgresError) in
                try await writer.execute("CREATE ROLE idle_\(isReset)")
            }
            #expect(error.reason == .connectionLost && error.kind == .unreachable)
            #expect(!server.log.contains("CREATE ROLE idle_\(isReset)"))
        }

        private func expect(_ error: PostgresError, after took: Duration, _ fault: FaultyProxy.Fault) {
            #expect(error.reason == (fault.isSilent ? .statementDeadline : .connectionLost), "\(error)")
            #expect(took < .seconds(25))
            if fault.isSilent { #expect(error.cause.contains("within 3 s (limits.service)"), "\(error)") }
        }

        private func timed<T>(
            _ body: () async throws(PostgresError) -> T
        ) async throws -> (error: PostgresError, took: Duration) {
            let began = ContinuousClock.now
            return (try await failure(body), .now - began)
        }

        private func counted(_ fault: FaultyProxy.Fault) {
            survived(
                "\(fault.words): login, read or change of PostgreSQL", times: 1,
                oracle: "a change is unknown and done at most once, a read unreachable, within its limit")
        }
    }
}
