import ClientKit
import Engine
import Journal
import StepKit
import Testing

/// A run that was given up, and what has been done since, which going on with it must not undo.
@Suite(.timeLimit(.minutes(15))) struct SupersededRunTests {
    /// What a reset leaves that was killed while it reset.
    private static func killedReset() async throws -> Bench {
        var bench = try Bench()
        bench.onRequest = "reset"
        let (before, left) = (bench, Box<Bench>())
        bench.world.on("reset.apply") { _ in
            left.value = try before.crashed()
            throw failure(.failed)
        }
        let options = RunOptions(resetsDatabase: true)
        _ = try await bench.runner.run(StepSelection(), options: options, in: bench.state)
        bench.world.calm("reset.apply")
        bench.world.forgetCalls()
        return try #require(left.value)
    }

    private static func refusal(of id: RunID?, _ bench: Bench) async throws -> StepFailure {
        bench.world.forgetCalls()
        let error = await #expect(throws: StepFailure.self) { try await bench.resume(id) }
        #expect(bench.world.calls.isEmpty)
        #expect(error?.kind == .badInput)
        return try #require(error)
    }

    @Test func aResetThatWasGivenUpIsNotResumedOnceTheModuleWasRun() async throws {
        let bench = try await Self.killedReset()
        let reset = try bench.newest().id
        let whole = try await bench.run(isNew: true)
        #expect(whole.failure == nil)
        bench.world.forgetCalls()
        #expect(try await bench.runner.resume(nil, in: bench.state) == nil)
        #expect(bench.world.calls.isEmpty)
        let error = try await Self.refusal(of: reset, bench)
        #expect(error.cause == "\(whole.runID) has succeeded since, which settles it")
        #expect(error.remedy.contains("`runner run 11`"))
        // Nor does it hold up the next run.
        #expect(try await bench.run().failure == nil)
        #expect(bench.events.warnings.isEmpty)
        #expect(bench.world.count("reset.apply") == 0)
        try bench.expectIntact()
    }

    @Test func aSuccessOfSomeStepsLeavesItOpenButItMayNotUndoThem() async throws {
        let bench = try await Self.killedReset()
        let reset = try bench.newest().id
        let part = try await bench.run(StepSelection(from: "second"), isNew: true)
        #expect(part.failure == nil)
        for id in [nil, reset] as [RunID?] {
            let error = try await Self.refusal(of: id, bench)
            #expect(error.cause.contains("has not finished reset, and run \(part.runID) has done"))
            #expect(error.remedy.contains("--new"))
        }
        let held = await #expect(throws: StepFailure.self) { try await bench.run() }
        #expect(held?.cause.contains("run \(reset) was cut off") == true)
        #expect(bench.world.count("reset.apply") == 0)
    }

    /// The lease tells only that it had the module; what it may have done is another question.
    @Test func anotherRunThatDidOnlyWhatComesBeforeItCountsToo() async throws {
        let bench = try await Self.killedReset()
        let reset = try bench.newest().id
        bench.world.on("second.check") { _ in throw failure(.failed) }
        #expect(try await bench.run(isNew: true).failure != nil)
        bench.world.calm()
        bench.world.forgetCalls()
        let summary = try await bench.resume(reset)
        #expect(summary.failure?.message.contains("has had the module since") == true)
        #expect(bench.world.count("reset.apply") == 0)
        try bench.expectIntact()
    }

    @Test func aResetThatIsDoneIsResumedWhateverRanSince() async throws {
        var bench = try Bench()
        bench.onRequest = "reset"
        bench.world.on("third.apply") { _ in throw failure(.failed) }
        let reset = try await bench.runner.run(
            StepSelection(), options: RunOptions(resetsDatabase: true), in: bench.state)
        bench.world.calm()
        #expect(try await bench.run(StepSelection(until: "second")).failure == nil)
        bench.world.forgetCalls()
        #expect(try await bench.resume().runID == reset.runID)
        #expect(bench.world.stepCalls.filter { $0.hasPrefix("reset") }.isEmpty)
        try bench.expectIntact()
    }
}
