import ClientKit
import Engine
import Journal
import StepKit
import Testing

@Suite(.timeLimit(.minutes(15))) struct LeaseTests {
    @Test func aLeaseThatSomebodyHoldsRefusesTheRun() async throws {
        let bench = try Bench()
        bench.world.on("takeLease") { _ in throw failure(.busy, "bob@install-02 4711 holds it") }
        let summary = try await bench.run()
        #expect(summary.failure?.exitStatus == 75)
        #expect(summary.failure?.message.contains("bob@install-02") == true)
        #expect(bench.world.calls == ["open", "observeLease", "preflight", "takeLease", "close"])
        #expect(try bench.outcome().result == .refused)
        try bench.expectIntact()
    }

    @Test func aTakeoverIsToldAndRecorded() async throws {
        let bench = try Bench()
        bench.world.takenOverFrom = "bob@install-02 4711, run X"
        #expect(try await bench.run().failure == nil)
        #expect(bench.events.warnings == ["the lease was taken over from bob@install-02 4711, run X"])
        let record = try #require(try bench.newest().entries().first { $0.kind == .lockTakeover })
        #expect(record.text == "taken over from bob@install-02 4711, run X")
        #expect(try bench.newest().entries().allSatisfy { $0.kind != .lockTaken })
    }

    @Test func isRenewedWhileAStepWorks() async throws {
        var bench = try Bench()
        bench.lease = .seconds(4)
        // It waits for no change whose record waits for a slow disk.
        bench.world.on("renewLease") { _ in #expect(Task.currentPriority == .high) }
        bench.world.on("second.apply") { [clock = bench.clock] visit in
            #expect(Task.currentPriority < .high)
            // Beyond the first term.
            for number in 1...5 {
                try await clock.wakeNext(within: .seconds(1))
                try await eventually("a renewal") { visit.world.count("renewLease") == number }
            }
        }
        #expect(try await bench.run().failure == nil)
        #expect(bench.events.warnings.isEmpty)
        #expect(bench.world.renewalSteps.first == "first" && Set(bench.world.renewalSteps.dropFirst()) == ["second"])
        let renewals = bench.world.count("renewLease")
        #expect(bench.world.calls.suffix(2) == ["releaseLease", "close"])
        #expect(bench.world.count("renewLease") == renewals)
    }

    @Test func aLostLeaseEndsTheRunInTheMiddleOfAStep() async throws {
        var bench = try Bench()
        bench.lease = .seconds(4)
        bench.world.on("second.apply") { [clock = bench.clock] visit in
            try await clock.wakeNext(within: .seconds(1))
            try await hang(visit)
        }
        bench.world.on("renewLease") { _ in throw failure(.busy, "carol@install-03 holds it now") }
        let summary = try await bench.run()
        #expect(summary.duration < .seconds(600))
        #expect(summary.failure?.exitStatus == 75)
        #expect(summary.failure?.message.contains("carol@install-03") == true)
        #expect(summary.applied == 1)
        #expect(bench.world.count("second.verify") == 0)
        let outcome = try bench.outcome()
        #expect(outcome.result == .failed)
        #expect(outcome.exitCode == 75)
        #expect(outcome.step == "second")
        // Nobody interrupted the step, and what is there now may be another run's work.
        #expect(try bench.records().contains("step.end second failed"))
        #expect(!bench.world.calls.contains("evidence"))
        #expect(bench.world.calls.last == "close")
        try bench.expectIntact()
        bench.world.calm("second.apply")
        bench.world.calm("renewLease")
        #expect(try await bench.resume().failure == nil)
    }

    /// It has its checkpoint, and the next one has not begun.
    @Test func aStepThatEndsInSpiteOfALostLeaseIsTheLast() async throws {
        var bench = try Bench()
        bench.lease = .seconds(4)
        bench.world.on("second.verify") { [clock = bench.clock] visit in
            try await clock.wakeNext(within: .seconds(1))
            while !Task.isCancelled { await Task.yield() }
        }
        bench.world.on("renewLease") { _ in throw failure(.busy, "carol@install-03 holds it now") }
        let summary = try await bench.run()
        #expect(summary.failure?.exitStatus == 75)
        #expect(summary.failure?.message.contains("carol@install-03") == true)
        #expect(try bench.checkpoints().contains("second applied"))
        let records = try bench.records()
        #expect(!records.contains { $0.contains("third") }, "\(records)")
        try bench.expectIntact()
    }

    /// The term of the lost lease is not over by the clock yet, but another run has the module.
    @Test func noChangeBeginsOnceTheLeaseIsLost() async throws {
        var bench = try Bench()
        bench.lease = .seconds(4)
        bench.world.on("second.apply") { [clock = bench.clock] visit in
            try await visit.world.send("before", .change)
            try await clock.wakeNext(within: .seconds(1))
            while !Task.isCancelled { await Task.yield() }
            try await visit.world.send("looked", .read)
            // As what cleans up after an interrupted step does.
            let cleanup = Task { try await visit.world.send("put back", .change) }
            if case .success = await cleanup.result { Issue.record("it was sent") }
            try await visit.world.send("after", .change)
        }
        bench.world.on("renewLease") { _ in throw failure(.busy, "carol@install-03 holds it now") }
        let summary = try await bench.run()
        #expect(summary.failure?.exitStatus == 75)
        #expect(summary.failure?.message.contains("carol@install-03") == true)
        #expect(bench.world.sent == ["create the lease", "before", "looked", "release the lease"])
        try bench.expectIntact()
    }

    @Test func renewalsThatFailAreTriedAgainWhileTheTermLasts() async throws {
        var bench = try Bench()
        bench.lease = .seconds(12)
        bench.world.on("renewLease") { visit in if visit.number <= 2 { throw failure(.unreachable, "no route") } }
        bench.world.on("second.apply") { [clock = bench.clock] visit in
            for number in 1...3 {
                try await clock.wakeNext(within: .seconds(3))
                try await eventually("a renewal") { visit.world.count("renewLease") == number }
            }
        }
        #expect(try await bench.run().failure == nil)
        #expect(bench.events.warnings.count == 2)
        #expect(bench.events.warnings.allSatisfy { $0.contains("no route") })
    }

    @Test func renewalsThatFailUntilTheTermIsOverEndTheRun() async throws {
        var bench = try Bench()
        bench.lease = .seconds(4)
        bench.world.on("renewLease") { _ in throw failure(.unreachable, "no route") }
        bench.world.on("second.apply") { [clock = bench.clock] _ in
            while true { try await clock.wakeNext(within: .seconds(1)) }
        }
        let summary = try await bench.run()
        #expect(summary.duration < .seconds(600))
        #expect(summary.failure?.exitStatus == 1)
        let message = try #require(summary.failure?.message)
        #expect(message.contains("renew the lease of module") && message.contains("no route"), "\(message)")
        #expect(message.hasSuffix("check that the API server and etcd respond, then `runner resume`"), "\(message)")
        #expect(summary.isResumable)
        #expect(bench.world.count("second.verify") == 0)
        #expect(try bench.outcome().result == .failed)
    }

    /// Between the last attempt and the end of the term, before the keeper looks again.
    @Test func aChangeThatIsRefusedAfterFailedRenewalsNamesTheirCause() async throws {
        var bench = try Bench()
        bench.lease = .seconds(4)
        bench.world.onFailover { _ in nil }
        bench.world.on("renewLease") { _ in throw failure(.unreachable, "no route") }
        bench.world.on("second.apply") { [clock = bench.clock, events = bench.events] visit in
            for number in 1...3 {
                try await clock.wakeNext(within: .seconds(1))
                try await eventually("a renewal has failed") { events.warnings.count == number }
            }
            clock.advance(by: .milliseconds(700))
            try await visit.world.send("late", .change)
        }
        let summary = try await bench.run()
        #expect(summary.failure?.exitStatus == 1)
        let message = try #require(summary.failure?.message)
        #expect(message.contains("before a renewal succeeded; the last attempt: no route"), "\(message)")
        #expect(!bench.world.sent.contains("late"))
        try bench.expectIntact()
    }

    @Test func aRenewalThatHangsDoesNotHideTheEndOfTheTerm() async throws {
        var bench = try Bench()
        bench.lease = .seconds(1)
        bench.world.on("renewLease", hang)
        bench.world.on("second.apply") { [clock = bench.clock] _ in
            while true { try await clock.wakeNext(within: .seconds(1)) }
        }
        let summary = try await bench.run()
        #expect(summary.duration < .seconds(600))
        #expect(summary.failure?.exitStatus == 1)
        #expect(bench.world.calls.last == "close")
        try bench.expectIntact()
    }

    @Test func aRenewalUnderWayAtTheEndIsNoTrouble() async throws {
        var bench = try Bench()
        bench.lease = .seconds(12)
        bench.world.on("renewLease") { _ in
            do { try await Task.sleep(for: .seconds(3600)) } catch is CancellationError {}
            throw failure(.unreachable, "the connection was closed")
        }
        bench.world.on("third.verify") { [clock = bench.clock] visit in
            try await clock.wakeNext(within: .seconds(3))
            try await eventually("a renewal is under way") { visit.world.count("renewLease") > 0 }
        }
        #expect(try await bench.run().failure == nil)
        #expect(bench.events.warnings.isEmpty)
    }

    @Test func aLeaseThatCannotBeGivenBackIsTold() async throws {
        let bench = try Bench()
        bench.world.on("releaseLease") { _ in throw failure(.unreachable, "no route") }
        #expect(try await bench.run().failure == nil)
        #expect(bench.events.warnings.count == 1)
        #expect(bench.events.warnings.first?.contains("no route") == true)
        #expect(bench.world.calls.last == "close")
        #expect(try bench.outcome().result == .succeeded)
    }
}
