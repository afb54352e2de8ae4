import ClientKit
import DataServers
import Foundation
import Postgres
import TestSupport
import Testing

extension PostgresServerTests {
    @Suite struct BrokenConnectionTests {
        private let server: PostgresServer
        private let observer = RecordingObserver()

        init() throws {
            server = try PostgresServerTests.server()
        }

        private func writer(within limit: TimeLimit = .seconds(20)) async throws -> PostgresWriter {
            var endpoint = server.endpoint()
            endpoint.statementTimeout = limit
            return try await PostgresWriter.connect(to: endpoint, observer: observer)
        }

        private func pid(of writer: PostgresWriter) async throws -> Int32 {
            Int32(try #require(try await writer.value("SELECT pg_backend_pid()", as: Int.self)))
        }

        private func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
            let deadline = ContinuousClock.now + .seconds(15)
            while try await !condition() {
                try #require(.now < deadline, "\(what) did not happen in time")
                try await Task.sleep(for: .milliseconds(10))
            }
        }

        private func becomesBusy(_ pid: Int32, _ admin: PostgresWriter) async throws {
            let isBusy = "SELECT state = 'active' FROM pg_stat_activity WHERE pid = $1"
            try await eventually("the server is at it") { try await admin.value(isBusy, [String(pid)]) == true }
        }

        /// Runs `sleeper` while `disturb` happens to it, once the server is at it.
        private func disturbing(
            _ sleeper: PostgresWriter, asChange: Bool, _ disturb: (PostgresWriter, Int32) async throws -> Void
        ) async throws -> PostgresError {
            let pid = try await pid(of: sleeper)
            let admin = try await writer()
            async let error = failure { () throws(PostgresError) in
                if asChange {
                    _ = try await sleeper.execute("SELECT pg_sleep(60)")
                } else {
                    _ = try await sleeper.query("SELECT pg_sleep(60)")
                }
            }
            try await becomesBusy(pid, admin)
            try await disturb(admin, pid)
            return try await error
        }

        @Test func aConnectionEndedDuringAChangeLeavesItsOutcomeUnknown() async throws {
            let sleeper = try await writer()
            let error = try await disturbing(sleeper, asChange: true) { admin, pid in
                try await admin.execute("SELECT pg_terminate_backend(\(pid))")
            }
            #expect(error.sqlState == "57P01" && error.kind == .unknownOutcome)
            #expect(await !sleeper.connection.isAlive)
            let ended = observer.entries.filter { $0.activity.command == ["SELECT pg_sleep(60)"] }
            #expect(ended.map(\.isUnknown) == [true])
        }

        @Test func aConnectionEndedDuringAQueryIsUnreachable() async throws {
            let error = try await disturbing(try await writer(), asChange: false) { admin, pid in
                try await admin.execute("SELECT pg_terminate_backend(\(pid))")
            }
            #expect(error.sqlState == "57P01" && error.kind == .unreachable)
        }

        @Test func aConnectionEndedBeforeAChangeMeansItWasNotSent() async throws {
            let idle = try await writer()
            let pid = try await pid(of: idle)
            let admin = try await writer()
            try await admin.execute("SELECT pg_terminate_backend(\(pid), 5000)")
            #expect(await !idle.connection.isAlive)
            let error = try await failure { () throws(PostgresError) in try await idle.execute("CREATE TABLE unsent ()")
            }
            #expect(error.reason == .connectionLost && error.kind == .unreachable)
            #expect(!server.log.contains("CREATE TABLE unsent"))
        }

        @Test func aStatementThatTakesTooLongIsEndedByTheServer() async throws {
            let writer = try await writer(within: TimeLimit(.seconds(2), key: "limits.service"))
            let error = try await failure { () throws(PostgresError) in try await writer.execute("SELECT pg_sleep(60)")
            }
            #expect(error.sqlState == "57014" && error.kind == .failed)
            #expect(error.cause.hasPrefix("a statement may take 2 s (limits.service): cancel"), "\(error)")
            #expect(error.remedy.hasSuffix("or raise limits.service in the inventory"), "\(error)")
            #expect(try await writer.value("SELECT 1") == 1)
        }

        @Test(arguments: [true, false]) func aServerThatFallsSilentIsGivenUp(asChange: Bool) async throws {
            let sleeper = try await writer(within: TimeLimit(.seconds(2), key: "limits.service"))
            let pid = try await pid(of: sleeper)
            kill(pid, SIGSTOP)
            defer { kill(pid, SIGCONT) }
            let start = ContinuousClock.now
            let error = try await failure { () throws(PostgresError) in
                if asChange {
                    _ = try await sleeper.execute("SELECT 1")
                } else {
                    _ = try await sleeper.query("SELECT 1")
                }
            }
            #expect(error.reason == .statementDeadline)
            #expect(error.cause.contains("within 2 s (limits.service)"), "\(error)")
            #expect(error.kind == (asChange ? .unknownOutcome : .unreachable))
            #expect(ContinuousClock.now - start < .seconds(15))
            #expect(await !sleeper.connection.isAlive)
        }

        @Test func aCancelledChangeIsUnknownAndTheServerEndsIt() async throws {
            let sleeper = try await writer()
            let pid = try await pid(of: sleeper)
            let task = Task {
                try await failure { () throws(PostgresError) in try await sleeper.execute("SELECT pg_sleep(60)") }
            }
            try await becomesBusy(pid, writer())
            task.cancel()
            let error = try await task.value
            #expect(error.reason == .interrupted && error.kind == .unknownOutcome)
            // An orphan would go on for a minute; the server looks for its client every second.
            let exists = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)"
            let admin = try await writer()
            try await eventually("the session ends") { try await admin.value(exists, [String(pid)]) == false }
        }

        @Test func aServerKilledDuringAChangeLeavesItsOutcomeUnknown() async throws {
            let own = try PostgresServer()
            defer { own.stop() }
            let writer = try await PostgresWriter.connect(to: own.endpoint(), observer: observer)
            let pid = try await pid(of: writer)
            let task = Task {
                try await failure { () throws(PostgresError) in try await writer.execute("SELECT pg_sleep(60)") }
            }
            try await eventually("the statement is sent") { own.log.contains("pg_sleep(60)") }
            kill(pid, SIGKILL)
            let error = try await task.value
            #expect(error.kind == .unknownOutcome && error.reason == .connectionLost)
        }
    }
}
