import ClientKit
import Engine
import Journal
import StepKit
import Testing

/// A process that was stopped, or whose machine slept, longer than its lease lasts.
@Suite(.timeLimit(.minutes(15))) struct LeaseTermTests {
    /// Stopped inside a step, between two changes.
    @Test func noChangeBeginsAfterTheTerm() async throws {
        let bench = try Bench()
        bench.world.on("second.apply") { [clock = bench.clock] visit in
            try await visit.world.send("before", .change)
            clock.advance(by: .seconds(61))
            try await visit.world.send("looked", .read)
            try await visit.world.send("after", .change)
        }
        let summary = try await bench.run()
        #expect(summary.failure?.exitStatus == 75)
        #expect(summary.failure?.message.contains("expired") == true)
        #expect(bench.world.sent == ["create the lease", "before", "looked", "release the lease"])
        #expect(bench.world.count("second.verify") == 0)
        #expect(bench.world.count("third.check") == 0)
        let outcome = try bench.outcome()
        #expect(outcome.exitCode == 75)
        #expect(outcome.step == "second")
        // What was not sent is not in the record as if it had been.
        let commands = try bench.newest().commands().map(\.start.command)
        #expect(commands == [["create the lease"], ["before"], ["looked"], ["release the lease"]])
        try bench.expectIntact()
        bench.world.calm("second.apply")
        #expect(try await bench.resume().failure == nil)
    }

    /// The operator presses Ctrl-C while the lease is released.
    @Test func aSignalAfterTheTermIsNotWhyTheRunEnds() async throws {
        let bench = try Bench()
        let isCancelled = Locked(false)
        bench.world.on("releaseLease") { _ in
            do {
                try await eventually("the run is interrupted") { isCancelled.withLock { $0 } }
            } catch is CancellationError {}
        }
        bench.world.on("second.apply") { [clock = bench.clock] visit in
            clock.advance(by: .seconds(61))
            try await visit.world.send("late", .change)
        }
        let summary = try await bench.cancelled(
            at: "releaseLease", then: { isCancelled.withLock { $0 = true } }, { try await bench.run() })
        #expect(summary.failure?.exitStatus == 75, "\(summary)")
        #expect(try bench.outcome().result == .failed)
        #expect(try bench.records().contains("step.end second failed"))
        try bench.expectIntact()
    }

    /// On waking, a step's own deadline may be over before the keeper has noticed anything.
    @Test func whatFailsAfterTheTermFailsBecauseOfIt() async throws {
        let bench = try Bench()
        bench.world.on("second.verify") { [clock = bench.clock] _ in
            clock.advance(by: .seconds(61))
            throw failure(.failed, "not finished within 60 s")
        }
        let summary = try await bench.run()
        #expect(summary.failure?.exitStatus == 75, "\(summary)")
        #expect(try bench.outcome().exitCode == 75)
        #expect(!bench.world.calls.contains("evidence"))
    }

    /// A few seconds before the term ends a change may still be on its way when it does.
    @Test(arguments: [53, 55]) func theTermEndsForChangesBeforeItDoesForOthers(_ seconds: Int) async throws {
        let bench = try Bench()
        bench.world.on("second.apply") { [clock = bench.clock] visit in
            clock.advance(by: .seconds(seconds))
            try await visit.world.send("late", .change)
        }
        let summary = try await bench.run()
        #expect(summary.failure == nil || seconds == 55)
        #expect(bench.world.sent.contains("late") == (seconds == 53))
    }

    /// Stopped while the record of the change is written, just before the change is sent.
    @Test func aChangeWhoseRecordTookTooLongIsNotSent() async throws {
        let bench = try Bench()
        bench.world.on("second.apply") { [clock = bench.clock] visit in
            clock.advanceAfterNextReading(by: .seconds(61))
            try await visit.world.send("late", .change)
        }
        let summary = try await bench.run()
        #expect(summary.failure?.exitStatus == 75)
        #expect(!bench.world.sent.contains("late"))
        let late = try bench.newest().commands().filter { $0.start.command == ["late"] }
        #expect(late.map(\.end?.outcome) == ["refused"])
        #expect(late.map(\.end?.value) == ["lease expired"])
        try bench.expectIntact()
    }

    /// Stopped while a command that an earlier run left behind holds the host's lock.
    @Test func aChangeThatHasToWaitBeginsOnlyWithinTheTerm() async throws {
        let bench = try Bench()
        let orphan = Obstruction(id: "7", words: "apply 2 objects (process 7)", limit: .seconds(60))
        bench.world.on("second.apply") { [clock = bench.clock] visit in
            try await visit.world.send("in time", .change, after: [orphan, orphan])
            let other = Obstruction(id: "8", words: "apply 3 objects (process 8)", limit: .seconds(60))
            try await visit.world.send("late", .change, after: [other, other]) { clock.advance(by: .seconds(61)) }
        }
        let summary = try await bench.run()
        #expect(summary.failure?.exitStatus == 75)
        #expect(bench.world.sent.contains("in time"))
        #expect(!bench.world.sent.contains("late"))
        // Each is told once, on the terminal and in the record.
        let told = ["apply 2 objects (process 7)", "apply 3 objects (process 8)"].map {
            "an earlier command is still running on k8s-master-01: \($0); waiting up to 60 s for it to end"
        }
        #expect(bench.events.warnings == told)
        let recorded = try bench.newest().entries().filter { $0.kind == .warning }
        #expect(recorded.compactMap(\.text) == told)
        #expect(recorded.allSatisfy { $0.step == "second" })
        try bench.expectIntact()
    }

    @Test func commandsSayWhoseTheyAre() async throws {
        let bench = try Bench()
        let author = Locked<String?>(nil)
        bench.world.on("second.apply") { visit in author.withLock { $0 = visit.world.observer?.author } }
        #expect(try await bench.run().failure == nil)
        let origin = Origin.current()
        let run = try bench.newest().id
        #expect(
            author.withLock { $0 } == "step second of run \(run) of \(origin.login) on "
                + "\(origin.machine) (its process \(origin.pid))")
    }

    /// The step makes something else of the refusal, or nothing at all: the run ends all the same.
    @Test(arguments: [true, false]) func whateverAStepMakesOfItTheRunEnds(_ swallows: Bool) async throws {
        let bench = try Bench()
        bench.world.on("second.apply") { [clock = bench.clock] visit in
            clock.advance(by: .seconds(61))
            do {
                try await visit.world.send("after", .change)
            } catch {
                guard swallows else { throw failure(.failed, "it did not work") }
            }
        }
        let summary = try await bench.run()
        #expect(summary.failure?.exitStatus == 75)
        #expect(try bench.outcome().result == .failed)
    }

    /// Time that passes is made good by a renewal, as long as the term lasts.
    @Test func aRenewalBeginsTheNextTerm() async throws {
        var bench = try Bench()
        bench.lease = .seconds(4)
        bench.world.on("second.apply") { [clock = bench.clock] visit in
            for number in 1...5 {
                try await clock.wakeNext(within: .seconds(1))
                try await eventually("a renewal") { visit.world.count("renewLease") == number }
            }
            try await visit.world.send("late", .change)
        }
        #expect(try await bench.run().failure == nil)
        #expect(bench.world.sent.contains("late"))
    }

    /// A renewal after the term must not begin another one: in between another run had the module.
    @Test func aTermThatRanOutIsNotRenewed() async throws {
        var bench = try Bench()
        bench.lease = .seconds(4)
        bench.world.on("second.apply") { [clock = bench.clock] visit in
            clock.advance(by: .seconds(5))
            try await hang(visit)
        }
        let summary = try await bench.run()
        #expect(summary.duration < .seconds(600))
        #expect(summary.failure?.exitStatus == 75)
        #expect(summary.failure?.message.contains("expired") == true)
    }

    @Test func nothingIsChangedBeforeTheLeaseIsTaken() async throws {
        let bench = try Bench()
        bench.world.on("preflight") { visit in try await visit.world.send("early", .change) }
        let summary = try await bench.run()
        #expect(summary.failure?.message.contains("has not been taken") == true)
        #expect(bench.world.sent.isEmpty)
    }
}
