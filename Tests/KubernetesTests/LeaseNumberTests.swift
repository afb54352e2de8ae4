import ClientKit
import Foundation
import Kubernetes
import SSH
import TestSupport
import Testing

extension ServerTests {
    /// The number that tells a later run from an earlier one.
    @Suite struct LeaseNumberTests {
        private let server: APIServer
        private var writer: ClusterWriter { server.writer }

        init() throws {
            server = try #require(APIServer.current)
        }

        private func acquire(_ module: String, run: String, duration: Duration = .seconds(60)) async throws -> HeldLease
        {
            try await writer.acquireLease(
                ofModule: module, holder: "root@install-01 \(run)", runID: run, duration: duration)
        }

        private func kubectl(_ arguments: [String]) async throws {
            let result = try await LocalShell().run(
                RemoteCommand(["kubectl", "--kubeconfig", server.kubeconfig] + arguments, effect: .change))
            try #require(result.exitStatus == 0, "\(result.errorText)")
        }

        /// Also before it is renewed for the first time, and between two steps.
        @Test func theSecondIsToldAtWhichStepItsHolderIs() async throws {
            func told() async throws -> String {
                try #require(
                    await #expect(throws: KubernetesError.self) { try await acquire("at-step", run: "b") }
                ).cause
            }
            var held = try await writer.acquireLease(
                ofModule: "at-step", holder: "root@install-01 a", runID: "a", step: "first")
            #expect(try await told().contains(#/with run a, at step first( \d+ s ago)?; it expires in /#))
            held = try await writer.renew(held, step: "second")
            #expect(try await told().contains(", at step second"))
            held = try await writer.renew(held)
            #expect(try await told().contains(", at step second"))
            try await writer.release(held)
        }

        @Test func itGrowsWithEachRunAndStaysForItsTime() async throws {
            let first = try await acquire("numbered", run: "a")
            #expect(abs(first.record.number - Int(Date.now.timeIntervalSince1970)) < 60)
            let renewed = try await writer.renew(first, step: "11_ct_00_setup_credentials", auditHead: "sha256:1")
            #expect(renewed.record.number == first.record.number)
            try await writer.release(renewed)
            #expect(try await writer.reader.lease(ofModule: "numbered")?.number == first.record.number)
            let second = try await acquire("numbered", run: "b")
            #expect(second.record.number > first.record.number)
            try await writer.breakLease(second.record, ofModule: "numbered")
            #expect(try await writer.reader.lease(ofModule: "numbered")?.number == second.record.number)
            // The run that goes on is a later one, too: its killed process may have left a command behind.
            let again = try await acquire("numbered", run: "b")
            #expect(again.record.number > second.record.number)
        }

        /// A run that is killed before it records that must find it again, however often it takes the lease.
        @Test func whoHadItLastStaysUntilAnotherRunTakesIt() async throws {
            func lastTurn(besides run: String) async throws -> LeaseTurn? {
                try await writer.reader.observeLease(ofModule: "turns").lastTurn(besides: run)
            }
            #expect(try await lastTurn(besides: "a") == nil)
            let first = try await acquire("turns", run: "a")
            #expect(first.record.before == nil)
            #expect(try await writer.reader.observeLease(ofModule: "turns").isHeld(besides: "b"))
            #expect(try await !writer.reader.observeLease(ofModule: "turns").isHeld(besides: "a"))
            try await writer.release(first)
            #expect(try await !writer.reader.observeLease(ofModule: "turns").isHeld(besides: "b"))
            let turn = LeaseTurn(run: "a", number: first.record.number)
            #expect(try await lastTurn(besides: "b") == turn)
            var second = try await acquire("turns", run: "b")
            for _ in 1...2 {
                second = try await writer.renew(second, step: "first", auditHead: "sha256:1")
                #expect(try await lastTurn(besides: "b") == turn)
                try await writer.breakLease(second.record, ofModule: "turns")
                second = try await acquire("turns", run: "b")
                #expect(second.record.before == turn)
            }
            try await writer.release(second)
            let third = try await acquire("turns", run: "a")
            #expect(third.record.before == LeaseTurn(run: "b", number: second.record.number))
        }

        @Test(arguments: ["a", "a b", "a 1 2", "a seven"])
        func whatIsNoTurnCountsForNothing(_ text: String) async throws {
            let module = "no-turn-\(text.replacing(" ", with: "-"))"
            let held = try await acquire(module, run: "b")
            try await kubectl(["annotate", "lease", "keybuzz-runner-\(module)", "runner.keybuzz.io/before=\(text)"])
            #expect(try await writer.reader.observeLease(ofModule: module).lastTurn(besides: "b") == nil)
            try await writer.release(held)
        }

        @Test func itGrowsAlsoWhereTheLeaseWasDeleted() async throws {
            let first = try await acquire("removed", run: "a")
            try await kubectl(["delete", "lease", "keybuzz-runner-removed"])
            try await Task.sleep(for: .seconds(1.1))
            #expect(try await acquire("removed", run: "b").record.number > first.record.number)
        }

        /// As where the API server's clock was an hour ahead.
        @Test func itGrowsAlsoWhereTheClockWasSetBack() async throws {
            let first = try await acquire("ahead", run: "a")
            let ahead = first.record.number + 3600
            try await kubectl([
                "annotate", "--overwrite", "lease", "keybuzz-runner-ahead", "runner.keybuzz.io/fencing-number=\(ahead)",
            ])
            try await writer.release(first)
            #expect(try await acquire("ahead", run: "b").record.number == ahead + 1)
        }

        @Test(arguments: ["", "-1", "68719476736", "9223372036854775807", "99999999999999999999", "seven"])
        func whatIsNoNumberCountsForNothing(_ text: String) async throws {
            let module = "odd-\(text.isEmpty ? "none" : text)"
            let first = try await acquire(module, run: "a")
            let change = text.isEmpty ? "runner.keybuzz.io/fencing-number-" : "runner.keybuzz.io/fencing-number=\(text)"
            try await kubectl(["annotate", "--overwrite", "lease", "keybuzz-runner-\(module)", change])
            let present = try #require(try await writer.reader.lease(ofModule: module))
            #expect(present.number == 0)
            try await writer.breakLease(present, ofModule: module)
            #expect(try await acquire(module, run: "b").record.number >= first.record.number)
        }
    }
}
