import ClientKit
import Engine
import Glibc
import Journal
import StepKit
import Testing

@Suite(.timeLimit(.minutes(15))) struct InterruptionTests {
    /// Where it strikes, which step that is in, and how far the run has come then.
    static let moments: [(call: String, step: String?, checkpoints: [String])] = [
        ("open", nil, []), ("preflight", nil, []), ("takeLease", nil, []), ("first.check", "first", []),
        ("second.check", "second", ["first applied"]), ("second.apply", "second", ["first applied"]),
        ("second.verify", "second", ["first applied"]),
    ]

    @Test(arguments: moments, [.signal(SIGINT), .signal(SIGTERM), .timeLimit(.seconds(90))] as [Interruption])
    func stopsAtOnceAndResumes(
        _ moment: (call: String, step: String?, checkpoints: [String]), _ interruption: Interruption
    ) async throws {
        var bench = try Bench()
        bench.interruption = interruption
        bench.world.on(moment.call, hang)
        let summary = try await bench.cancelled(at: moment.call) { [bench] in try await bench.run() }
        #expect(summary.failure?.isInterrupted == true)
        #expect(summary.failure?.exitStatus == interruption.exitStatus)
        #expect(summary.duration < .seconds(600))
        #expect(bench.world.calls.filter { $0 == "close" } == (moment.call == "open" ? [] : ["close"]))
        let isLeased = moment.step != nil
        #expect(bench.world.count("releaseLease") == (isLeased ? 1 : 0))
        #expect(bench.world.count("\(moment.call)") == 1)
        let outcome = try bench.outcome()
        #expect(outcome.result == .interrupted)
        #expect(outcome.exitCode == interruption.exitStatus)
        #expect(outcome.error?.hasPrefix(interruption.summary) == true)
        #expect(outcome.step == moment.step)
        #expect(try bench.checkpoints() == moment.checkpoints)
        if let step = moment.step { #expect(try bench.records().contains("step.end \(step) interrupted")) }
        #expect(!bench.events.lines.contains { $0.hasSuffix(" failed") })
        #expect(bench.events.warnings.isEmpty)
        try bench.expectIntact()

        bench.world.calm(moment.call)
        bench.world.forgetCalls()
        let resumed = try await bench.resume()
        #expect(resumed.failure == nil)
        #expect(resumed.runID == summary.runID)
        #expect(bench.world.stepCalls.filter { $0 == "first.apply" }.isEmpty == !moment.checkpoints.isEmpty)
        #expect(bench.world.count("second.apply") == (moment.call == "second.verify" ? 0 : 1))
        #expect(try bench.checkpoints().count == 3)
        try bench.expectIntact()
    }

    @Test func stopsBetweenTwoSteps() async throws {
        let bench = try Bench()
        let running = Locked<Task<RunSummary, any Error>?>(nil)
        bench.events.listen { event in
            if case .stepEnded("first", _, _) = event { running.withLock { $0?.cancel() } }
        }
        let task = running.withLock { slot in
            let task = Task { try await bench.run() }
            slot = task
            return task
        }
        let summary = try await task.value
        #expect(summary.failure?.isInterrupted == true)
        #expect(summary.applied == 1)
        #expect(bench.world.stepCalls == ["first.check", "first.apply", "first.verify"])
        #expect(bench.world.calls.suffix(2) == ["releaseLease", "close"])
        #expect(try bench.checkpoints() == ["first applied"])
        try bench.expectIntact()
        #expect(try await bench.resume().failure == nil)
        #expect(bench.world.count("first.apply") == 1)
    }

    /// Of a step that does not look whether it was cancelled.
    @Test func noChangeBeginsAfterAnInterruption() async throws {
        let bench = try Bench()
        bench.world.on("second.apply") { visit in
            do { try await Task.sleep(for: .seconds(3600)) } catch is CancellationError {}
            try await visit.world.send("after", .change)
        }
        let summary = try await bench.cancelled(at: "second.apply") { try await bench.run() }
        #expect(summary.failure?.isInterrupted == true)
        #expect(bench.world.sent == ["create the lease", "release the lease"])
        try bench.expectIntact()
        bench.world.calm("second.apply")
        #expect(try await bench.resume().failure == nil)
    }

    /// As a reset that allows connections again: the module stays this run's until that is done.
    @Test func theLeaseIsRenewedWhileAStepCleansUpAfterASignal() async throws {
        var bench = try Bench()
        bench.lease = .seconds(4)
        bench.world.on("second.apply") { [clock = bench.clock] visit in
            do { try await Task.sleep(for: .seconds(3600)) } catch is CancellationError {}
            try await Task {
                for _ in 1...5 {
                    let before = visit.world.count("renewLease")
                    try await clock.wakeNext(within: .seconds(1))
                    try await eventually("a renewal") { visit.world.count("renewLease") == before + 1 }
                }
                try await visit.world.send("put back", .change)
            }.value
        }
        let summary = try await bench.cancelled(at: "second.apply") { [bench] in try await bench.run() }
        #expect(summary.failure?.isInterrupted == true)
        #expect(bench.world.sent.suffix(2) == ["put back", "release the lease"])
        try bench.expectIntact()
    }

    /// `runner unlock` and another operator's run, of which the renewal learns that was under way at the signal.
    @Test func nothingIsPutBackOnceTheLeaseIsLost() async throws {
        var bench = try Bench()
        bench.lease = .seconds(4)
        bench.world.on("renewLease") { visit in
            try await Task { try await eventually("a cleanup") { visit.world.count("cleanup") > 0 } }.value
            throw failure(.busy, "carol@install-03 holds it now")
        }
        bench.world.on("second.apply") { [clock = bench.clock] visit in
            try await clock.wakeNext(within: .seconds(1))
            try await eventually("a renewal is under way") { visit.world.count("renewLease") == 1 }
            try await visit.world.arrive("renewing")
            do { try await Task.sleep(for: .seconds(3600)) } catch is CancellationError {}
            try await Task {
                try await visit.world.arrive("cleanup")
                // Until the answer is there, nobody knows of the loss.
                let deadline = ContinuousClock.now + .seconds(600)
                while ContinuousClock.now < deadline {
                    do { try await visit.world.send("put back", .change) } catch { return }
                    try await Task.sleep(for: .milliseconds(5))
                }
                try await visit.world.arrive("never refused")
            }.value
        }
        let summary = try await bench.cancelled(at: "renewing") { [bench] in try await bench.run() }
        #expect(summary.failure?.isInterrupted == true)
        #expect(bench.world.count("never refused") == 0)
        try bench.expectIntact()
    }

    @Test func aStepWhoseCheckNoticesNothingIsNotApplied() async throws {
        let bench = try Bench()
        bench.world.on("second.check") { _ in
            do { try await Task.sleep(for: .seconds(3600)) } catch is CancellationError {}
        }
        let summary = try await bench.cancelled(at: "second.check") { try await bench.run() }
        #expect(summary.failure?.isInterrupted == true)
        #expect(bench.world.count("second.apply") == 0)
        try bench.expectIntact()
    }

    @Test func whatAClientThrowsAfterASignalIsTheInterruptionAndNoLossOfAHost() async throws {
        let bench = try Bench()
        bench.world.on("second.apply") { _ in
            do { try await Task.sleep(for: .seconds(3600)) } catch is CancellationError {}
            throw failure(.unreachable, "the connection was closed")
        }
        let summary = try await bench.cancelled(at: "second.apply") { try await bench.run() }
        #expect(summary.failure?.isInterrupted == true)
        #expect(bench.world.count("failOver") == 0)
        #expect(try bench.outcome().result == .interrupted)
    }

    @Test func aStepThatEndsInSpiteOfTheSignalKeepsItsCheckpoint() async throws {
        let bench = try Bench()
        bench.world.on("second.verify") { _ in
            do { try await Task.sleep(for: .seconds(3600)) } catch is CancellationError {}
        }
        let summary = try await bench.cancelled(at: "second.verify") { try await bench.run() }
        #expect(summary.failure?.isInterrupted == true)
        #expect(try bench.checkpoints() == ["first applied", "second applied"])
        #expect(bench.world.count("third.check") == 0)
        bench.world.calm("second.verify")
        #expect(try await bench.resume().failure == nil)
        #expect(bench.world.count("second.apply") == 1)
    }
}

extension RunFailure {
    var isInterrupted: Bool {
        if case .interrupted = self { true } else { false }
    }
}
