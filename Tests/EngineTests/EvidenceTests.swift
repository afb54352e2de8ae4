import ClientKit
import Engine
import Foundation
import Journal
import StepKit
import Testing

/// A failed step must leave what shows why, before anything is changed again, and never a secret in it.
@Suite struct EvidenceTests {
    @Test func aFailureLeavesItsEvidenceAndNamesTheFiles() async throws {
        let bench = try Bench()
        bench.world.evidence = [
            Evidence("pods.json", "[1]"), Evidence("web.previous.log", "it died of hunter2secret\n"),
        ]
        bench.redactor.add(Secret("hunter2secret"))
        bench.world.on("second.apply") { _ in throw failure(.failed) }
        let summary = try await bench.run()
        let message = try #require(summary.failure?.message)
        #expect(message.contains("it broke"))
        #expect(message.contains("evidence in "))
        #expect(message.contains("pods.json, web.previous.log"))
        let folder = "\(bench.state.path)/runs/\(summary.runID)/evidence/second"
        #expect(message.contains(folder))
        #expect(try String(contentsOfFile: "\(folder)/pods.json", encoding: .utf8) == "[1]")
        let log = try String(contentsOfFile: "\(folder)/web.previous.log", encoding: .utf8)
        #expect(log.contains("it died of") && !log.contains("hunter2"))
        #expect(bench.world.stepCalls.suffix(2) == ["second.check", "second.apply"])
        #expect(bench.world.calls.contains("evidence"))
    }

    @Test func aFailureWithoutEvidenceIsToldAlone() async throws {
        let bench = try Bench()
        bench.world.on("second.verify") { _ in throw failure(.failed) }
        let message = try #require(try await bench.run().failure?.message)
        #expect(message.contains("it broke") && !message.contains("evidence"))
    }

    @Test func evidenceThatTakesTooLongIsLeftOutWithAWarning() async throws {
        var bench = try Bench()
        bench.inventory = try Bench.inventory([("\"evidence\": 30", "\"evidence\": 1")])
        bench.world.evidence = [Evidence("pods.json", "[]")]
        bench.world.on("evidence") { _ in do { try await Task.sleep(for: .seconds(600)) } catch {} }
        bench.world.on("second.apply") { _ in throw failure(.failed) }
        let message = try #require(try await bench.run().failure?.message)
        #expect(message.contains("it broke") && !message.contains("pods.json"), "\(message)")
        let warnings = bench.events.warnings
        #expect(warnings == ["the evidence could not be gathered within 1 s (limits.evidence)"], "\(warnings)")
    }

    /// The run failed before anybody interrupted it, and why is what the operator and the auditor have to know.
    @Test(arguments: ["evidence", "releaseLease", "close"])
    func anInterruptionOfWhatFollowsAFailureDoesNotHideIt(moment: String) async throws {
        let bench = try Bench()
        bench.world.evidence = [Evidence("pods.json", "[]")]
        let isCancelled = Locked(false)
        bench.world.on(moment) { _ in
            do {
                try await eventually("the run is interrupted") { isCancelled.withLock { $0 } }
            } catch is CancellationError {}
        }
        bench.world.on("second.apply") { _ in throw failure(.failed) }
        let summary = try await bench.cancelled(
            at: moment, then: { isCancelled.withLock { $0 = true } }, { try await bench.run() })
        #expect(summary.failure?.isInterrupted == false && summary.failure?.message.contains("it broke") == true)
        let outcome = try bench.outcome()
        #expect(outcome.result == .failed && outcome.error?.contains("it broke") == true, "\(outcome)")
        #expect(try bench.records().contains("step.end second failed"))
        // What is gathered may be there just in time.
        let warnings = bench.events.warnings
        let isShort = warnings == ["the evidence could not be gathered: the run was interrupted meanwhile"]
        #expect(warnings.isEmpty || (moment == "evidence" && isShort), "\(warnings)")
        try bench.expectIntact()
    }

    /// As an interruption: the failure came first.
    @Test func aLeaseLostAfterAFailureDoesNotHideIt() async throws {
        var bench = try Bench()
        bench.lease = .seconds(4)
        bench.world.evidence = [Evidence("pods.json", "[]")]
        bench.world.on("evidence") { [clock = bench.clock] _ in
            try await clock.wakeNext(within: .seconds(1))
            do {
                try await eventually("the lease is lost") { Task.isCancelled }
            } catch is CancellationError {}
        }
        bench.world.on("renewLease") { _ in throw failure(.busy, "carol@install-03 holds it now") }
        bench.world.on("second.apply") { _ in throw failure(.failed) }
        let summary = try await bench.run()
        #expect(summary.failure?.message.contains("it broke") == true, "\(summary)")
        #expect(summary.failure?.exitStatus == 1)
        #expect(try bench.records().contains("step.end second failed"))
        let outcome = try bench.outcome()
        #expect(outcome.result == .failed && outcome.error?.contains("it broke") == true, "\(outcome)")
        // What is gathered may be there just in time.
        let short = "the evidence could not be gathered: the lease was lost meanwhile"
        let warnings = bench.events.warnings.filter { !$0.hasPrefix("the lease was not released") }
        #expect(warnings.isEmpty || warnings == [short], "\(warnings)")
        try bench.expectIntact()
    }

    @Test func aStepWhoseLeaseExpiredGathersNone() async throws {
        let bench = try Bench()
        bench.world.evidence = [Evidence("pods.json", "[]")]
        bench.world.on("second.apply") { [clock = bench.clock] visit in
            clock.advance(by: .seconds(61))
            try await visit.world.send("late", .change)
        }
        let summary = try await bench.run()
        #expect(summary.failure?.exitStatus == 75)
        #expect(!bench.world.calls.contains("evidence"))
        #expect(bench.events.warnings.isEmpty)
        #expect(try bench.records().contains("step.end second failed"))
    }

    @Test func anInterruptedStepGathersNone() async throws {
        let bench = try Bench()
        bench.world.evidence = [Evidence("pods.json", "[]")]
        bench.world.on("first.apply") { _ in throw CancellationError() }
        _ = try await bench.run()
        #expect(!bench.world.calls.contains("evidence"))
    }
}
