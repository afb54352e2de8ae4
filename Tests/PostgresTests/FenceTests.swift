import ClientKit
import DataServers
import Foundation
import TestSupport
import Testing

@testable import Postgres

extension PostgresServerTests.EveryVersion {
    /// Changes of a run that no longer has its module, which the server itself refuses.
    ///
    /// Each test has a module of its own, since all have one server.
    @Suite struct FenceTests {
        private let server: PostgresServer

        init() throws {
            server = try PostgresServerTests.server()
        }

        private func fence(_ number: Int, of module: Int, lasting time: Duration = .seconds(600)) -> Fence {
            Fence(module: module, number: number, end: .now + time)
        }

        private func writer(
            _ fence: Fence?, _ database: String = "postgres", limit: Duration = .seconds(30)
        ) async throws -> (writer: PostgresWriter, observer: RecordingObserver) {
            let observer = RecordingObserver()
            observer.fence = fence
            var endpoint = server.endpoint(database)
            endpoint.statementTimeout = TimeLimit(limit)
            return (try await PostgresWriter.connect(to: endpoint, observer: observer), observer)
        }

        /// Waits until this process of the server waits in pg_sleep, or for something else.
        private func eventuallyWaits(_ process: Int, for event: String = "PgSleep") async throws {
            let (witness, _) = try await writer(nil)
            let waits = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event = $2"
            let deadline = ContinuousClock.now + .seconds(100)
            while try await witness.value(waits, [String(process), event]) != 1 { try #require(.now < deadline) }
            await witness.connection.close()
        }

        private func refusal(_ change: () async throws -> Void) async throws -> PostgresError {
            let error = try #require(await #expect(throws: PostgresError.self) { try await change() })
            #expect(error.reason == .fenced && error.kind == .busy, "\(error)")
            return error
        }

        @Test func afterTheTermNothingIsChanged() async throws {
            let (writer, observer) = try await writer(fence(5, of: 1, lasting: .seconds(-1)))
            let late = try await refusal { try await writer.execute("CREATE ROLE late") }
            #expect(late.cause.hasPrefix("it came to the server too late"), "\(late)")
            #expect(observer.ended.last == .refused(code: "fenced"))
            _ = try await refusal { try await writer.ensureDatabase("late", owner: "kb_admin") }
            _ = try await refusal { try await writer.endSessions(of: "kb_admin", on: "postgres") }
            let password = try await refusal { try await writer.setPassword(Secret("late"), of: "kb_admin") }
            #expect(!password.cause.contains("SCRAM"))
            #expect(!server.log.contains("ALTER ROLE \"kb_admin\" PASSWORD"))
            #expect(try await writer.roleState("late") == nil)
            #expect(try await writer.databaseState("late") == nil)
            // The run got more time; the session goes on.
            observer.fence = fence(5, of: 1)
            try await writer.ensureRole("in_time", password: Secret("pw"))
            try await writer.ensureDatabase("in_time", owner: "in_time")
            #expect(
                try await writer.value(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()") == 1)
            #expect(try await writer.value("SELECT current_setting('statement_timeout')") == "30s")
        }

        /// Ten minutes there that were none here: this machine was paused, and its clock with it.
        @Test func aMachineThatWasPausedChangesNothing() async throws {
            let observer = RecordingObserver()
            let now = Date.now.timeIntervalSince1970
            observer.fence = fence(5, of: 2, lasting: .seconds(54))
            let writer = try await PostgresWriter.connect(to: server.endpoint(), observer: observer)
            observer.clocks.note("\(now - 600)", of: try #require(await writer.connection.session?.clockName))
            let error = try await refusal { try await writer.execute("CREATE ROLE paused") }
            #expect(error.cause.hasPrefix("it came to the server too late"), "\(error)")
        }

        /// Behind a load balancer the next session may be with another server, whose clock is ten minutes ahead.
        @Test func anotherServerAtTheSameAddressHasItsOwnClock() async throws {
            let observer = RecordingObserver()
            observer.clocks.note("\(Date.now.timeIntervalSince1970 - 600)", of: "PostgreSQL 127.0.0.1:\(server.port)")
            observer.fence = fence(5, of: 8, lasting: .seconds(54))
            let writer = try await PostgresWriter.connect(to: server.endpoint(), observer: observer)
            try await writer.execute("CREATE ROLE fence_other_server")
            let name = try #require(await writer.connection.session?.clockName)
            #expect(name.hasSuffix(" 127.0.0.1/32:\(server.port)"), "\(name)")
            await writer.connection.close()
        }

        /// What is asked before a change, in a message of its own, is no change: whoever is cut off there has made none.
        @Test(arguments: [false, true])
        func aConnectionThatEndsInTheQuestionLeavesNoDoubt(_ isSilent: Bool) async throws {
            let fence = fence(5, of: 9)
            let (admin, _) = try await writer(nil)
            // A lock that no run takes keeps the question waiting.
            let key = SQLFence.presence(of: fence) + 1 << 36
            try await admin.execute("SELECT pg_advisory_lock(\(key))")
            let changes: [@Sendable (PostgresWriter) async throws -> Void] = [
                { try await $0.setPassword(Secret("pw"), of: "kb_admin") },
                { _ = try await $0.ensureDatabase("doubtful", owner: "kb_admin") },
            ]
            for change in changes {
                let (writer, observer) = try await writer(fence)
                let process = try #require(try await writer.value("SELECT pg_backend_pid()", as: Int.self))
                let task = Task { try await change(writer) }
                let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = $1"
                let deadline = ContinuousClock.now + .seconds(100)
                while try await admin.value(waits, [String(process)]) != 1 { try #require(.now < deadline) }
                if isSilent { task.cancel() }
                if !isSilent { try await admin.execute("SELECT pg_terminate_backend(\(process))") }
                let error = try #require(await #expect(throws: PostgresError.self) { try await task.value })
                #expect(error.kind == (isSilent ? .failed : .unreachable), "\(error)")
                #expect(!error.remedy.contains("may or may not"), "\(error)")
                #expect(isSilent == error.cause.hasPrefix("not sent: interrupted"), "\(error)")
                #expect(!error.cause.contains("SCRAM") && observer.ended.last != .exited(0))
                #expect(await !writer.connection.isAlive)
            }
            #expect(try await admin.databaseState("doubtful") == nil)
            await admin.connection.close()
        }

        @Test func anEarlierRunChangesNothingWhileALaterOneIsConnected() async throws {
            let (earlier, _) = try await writer(fence(1_800_000_000, of: 3))
            let (later, _) = try await writer(fence(1_800_000_001, of: 3), "template1")
            let (another, _) = try await writer(fence(1_700_000_000, of: 100))
            let error = try await refusal { try await earlier.execute("CREATE ROLE overtaken") }
            #expect(error.cause.contains("its number is 1800000001"), "\(error)")
            _ = try await refusal { try await earlier.ensureDatabase("overtaken", owner: "kb_admin") }
            // Another module's numbers are its own, and those of one run do not hold each other up.
            try await another.execute("CREATE ROLE not_overtaken")
            let (again, _) = try await writer(fence(1_800_000_001, of: 3))
            try await again.execute("DROP ROLE not_overtaken")
            try await later.execute("CREATE ROLE overtaking")
            for connection in [later.connection, again.connection] { await connection.close() }
            #expect(try await earlier.roleState("overtaken") == nil)
        }

        @Test func aLaterRunWaitsForWhatIsUnderWay() async throws {
            let limit = Duration.seconds(600)
            let (earlier, _) = try await writer(fence(7, of: 4), "template1", limit: limit)
            let process = try await earlier.value("SELECT pg_backend_pid()", as: Int.self)
            let (gate, _) = try await writer(nil, "template1")
            try await gate.execute("SELECT pg_advisory_lock(4)")
            let slow = Task { try await earlier.execute("SELECT pg_advisory_lock(4), set_config('a.b', 'c', false)") }
            // Before the later run is connected: what it finds under way it waits for.
            try await eventuallyWaits(try #require(process), for: "advisory")
            let (later, observer) = try await writer(fence(8, of: 4), limit: limit)
            let change = Task { try await later.execute("CREATE ROLE patient") }
            let deadline = ContinuousClock.now + .seconds(100)
            while observer.obstructions.isEmpty {
                try #require(.now < deadline)
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(try await gate.roleState("patient") == nil)
            try await gate.execute("SELECT pg_advisory_unlock(4)")
            _ = try await slow.value
            _ = try await change.value
            await gate.connection.close()
            let words = try #require(observer.obstructions.first?.words)
            #expect(words.contains(/^a change of an earlier run \(process \d+ of the server\)$/), "\(words)")
            await earlier.connection.close()
            await later.connection.close()
        }

        @Test func whatDoesNotEndIsNamed() async throws {
            let (earlier, _) = try await writer(fence(7, of: 5))
            let process = try #require(try await earlier.value("SELECT pg_backend_pid()", as: Int.self))
            let endless = Task { try await earlier.execute("SELECT pg_sleep(20)") }
            try await eventuallyWaits(process)
            let (later, observer) = try await writer(fence(8, of: 5), limit: .seconds(1))
            let error = try await refusal { try await later.execute("CREATE ROLE impatient") }
            #expect(
                error.cause.contains("process \(process) of the server) is still under way, also after 1 s"), "\(error)"
            )
            #expect(error.remedy.contains("pg_terminate_backend(\(process))"))
            #expect(observer.ended.last == .refused(code: "fenced"))
            _ = try await later.query("SELECT pg_terminate_backend($1::int)", [String(process)])
            await #expect(throws: PostgresError.self) { _ = try await endless.value }
            try await later.execute("CREATE ROLE impatient")
            await later.connection.close()
        }

        /// As where this machine stands still between the question and the change.
        @Test func aSessionThatDoesNotGoOnAtOnceIsEnded() async throws {
            let (writer, _) = try await writer(nil)
            let version = await writer.connection.serverVersion
            let guards = SQLFence(fence: fence(9, of: 6), end: nil).entering(server: version)
            _ = try await writer.rows(Statement(together: guards))
            try #require(version >= 140_000)
            try await Task.sleep(for: .seconds(6))
            await #expect(throws: PostgresError.self) { try await writer.execute("CREATE DATABASE too_late") }
            let (other, _) = try await self.writer(nil)
            #expect(try await other.databaseState("too_late") == nil)
        }

        /// A role that may do nothing else.
        @Test func anyRoleMayAsk() async throws {
            let (admin, _) = try await writer(nil)
            try await admin.ensureRole("fence_plain", password: Secret("pw"))
            try await admin.ensureDatabase("fence_plain", owner: "fence_plain")
            let observer = RecordingObserver()
            observer.fence = fence(3, of: 7)
            let plain = try await PostgresWriter.connect(
                to: server.endpoint("fence_plain").loggingIn(as: "fence_plain", password: Secret("pw")),
                observer: observer)
            try await plain.execute("CREATE TABLE made ()")
            #expect(try await plain.value("SELECT to_regclass('made') IS NOT NULL") == true)
            // Neither the record nor the words of an error show more than the change.
            #expect(observer.begun.last { $0.effect == .change }?.command == ["CREATE TABLE made ()"])
            let error = try await failure { () throws(PostgresError) in try await plain.execute("CREATE TABLE made ()")
            }
            #expect(error.sqlState == "42P07" && error.attempt == "run CREATE TABLE made ()")
            await plain.connection.close()
        }

        /// The keys are one run's own, and stay within 64 bits.
        @Test func keysTellRunsApart() {
            let fences = [0, 1, 1_800_000_000, (1 << 36) - 1].flatMap { number in
                [0, 11, 12, 2047].map { fence(number, of: $0) }
            }
            #expect(Set(fences.map(SQLFence.presence)).count == fences.count)
            #expect(fences.allSatisfy { SQLFence.presence(of: $0) > 0 })
        }
    }
}
