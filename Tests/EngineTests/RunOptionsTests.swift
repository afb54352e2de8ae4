import ClientKit
import Engine
import Foundation
import Journal
import StepKit
import Testing

/// What an operator asks of a run is on record, is kept through interruptions, and is done once.
@Suite(.timeLimit(.minutes(15))) struct RunOptionsTests {
    private let reset = RunOptions(resetsDatabase: true, skipsBackup: true)

    /// A bench whose module has a step on request between the first and the second.
    private static func bench() throws -> Bench {
        var bench = try Bench()
        bench.onRequest = "reset"
        return bench
    }

    @Test func aStepOnRequestIsInNoOtherRun() async throws {
        let bench = try Self.bench()
        #expect(try await bench.run().failure == nil)
        #expect(bench.world.count("reset.check") == 0)
        #expect(try bench.newest().header().content?.options == nil)
        #expect(
            try await !bench.plan().steps.contains { $0.step == "reset" })
        let plan = try await bench.plan(options: reset)
        #expect(plan.steps.map(\.step) == ["first", "reset", "second", "third"])
    }

    @Test func stepsKnowTheRunAndWhatWasAskedOfItAlsoAfterAResume() async throws {
        let bench = try Self.bench()
        bench.world.on("third.apply") { _ in throw failure(.failed) }
        _ = try await bench.runner.run(StepSelection(), options: reset, in: bench.state)
        let id = try bench.newest().id.description
        // Before a step has begun, there is nothing to resume.
        let begun: Set = [reset.of(run: id), reset.of(run: id, hasBegun: true)]
        #expect(bench.world.options == begun)
        #expect(try bench.newest().header().content?.options == ["reset-database", "no-backup"])
        bench.world.calm()
        _ = try await bench.resume()
        #expect(bench.world.options == begun.union([reset.of(run: id, isResumed: true)]))
        try bench.expectIntact()
    }

    /// What it finds done may be its own work: of the attempt whose outcome nobody knows, or through a lost master.
    @Test(arguments: [FailureKind.unknownOutcome, .unreachable])
    func aStepThatBeginsAgainKnowsIt(_ kind: FailureKind) async throws {
        let bench = try Self.bench()
        bench.world.onFailover { $0.kind == .unreachable ? "k8s-master-01 no longer responds" : nil }
        bench.world.on("first.apply") { visit in
            let isResumed = visit.world.options.contains(where: \.isResumed)
            #expect(isResumed == (visit.number == 2))
            if visit.number == 1 { throw failure(kind) }
        }
        bench.world.on("second.check") { visit in
            #expect(visit.world.options.count { $0.isResumed } == 1)
        }
        #expect(try await bench.runner.run(StepSelection(), options: reset, in: bench.state).failure == nil)
        #expect(bench.world.count("first.apply") == 2)
    }

    /// It has changed nothing yet: what it finds is of others, as connections to a database that somebody refused.
    @Test(arguments: [FailureKind.unknownOutcome, .unreachable])
    func aStepWhoseCheckBeginsAgainFindsTheWorkOfOthers(_ kind: FailureKind) async throws {
        let bench = try Self.bench()
        bench.world.onFailover { $0.kind == .unreachable ? "k8s-master-01 no longer responds" : nil }
        bench.world.on("first.check") { visit in
            if visit.number == 1 { throw failure(kind) }
        }
        #expect(try await bench.runner.run(StepSelection(), options: reset, in: bench.state).failure == nil)
        #expect(bench.world.count("first.check") == 2)
        #expect(bench.world.options.count { $0.isResumed } == 0)
    }

    /// A run that was cut off in an earlier step, or before this one changed anything.
    @Test(arguments: ["first.apply", "reset.check"])
    func aStepThatNoProcessOfTheRunBeganFindsTheWorkOfOthers(_ moment: String) async throws {
        let bench = try Self.bench()
        bench.world.on(moment) { _ in throw failure(.failed) }
        _ = try await bench.runner.run(StepSelection(), options: reset, in: bench.state)
        bench.world.calm()
        let before = bench.world.options
        #expect(try await bench.resume().failure == nil)
        let id = try bench.newest().id.description
        #expect(bench.world.options.subtracting(before).isSubset(of: [reset.of(run: id, isResumed: true)]))
        #expect(bench.world.options(of: "reset") == [reset.of(run: id, hasBegun: true)])
    }

    @Test func aFinishedStepOnRequestIsNeverDoneAgainInItsRun() async throws {
        let bench = try Self.bench()
        bench.world.on("second.apply") { _ in throw failure(.failed) }
        _ = try await bench.runner.run(StepSelection(), options: reset, in: bench.state)
        bench.world.calm()
        // Somebody went back by hand: to what was asked for once, and is not asked for now.
        bench.world.unsettle("reset")
        bench.world.forgetCalls()
        #expect(try await bench.resume().failure == nil)
        #expect(bench.world.stepCalls.filter { $0.hasPrefix("reset") }.isEmpty)
        #expect(try bench.checkpoints() == ["first applied", "reset applied", "second applied", "third applied"])
    }

    @Test func anUnfinishedOneIsLookedAtAndFinished() async throws {
        let bench = try Self.bench()
        bench.world.on("reset.verify") { _ in throw failure(.failed) }
        _ = try await bench.runner.run(StepSelection(), options: reset, in: bench.state)
        bench.world.calm()
        bench.world.forgetCalls()
        #expect(try await bench.resume().failure == nil)
        #expect(bench.world.stepCalls.filter { $0.hasPrefix("reset") } == ["reset.check"])
    }

    @Test(arguments: [
        StepSelection(from: "second"), StepSelection(until: "first"), StepSelection(only: ["third"]),
    ]) func aSelectionThatLeavesOutWhatWasAskedForIsRefused(_ selection: StepSelection) async throws {
        let bench = try Self.bench()
        let error = try await #require(throws: StepFailure.self) {
            try await bench.runner.run(selection, options: reset, in: bench.state)
        }
        #expect(error.kind == .usage && error.cause.contains("reset"))
        #expect(try bench.state.runs().isEmpty)
    }

    @Test func notesAreRecordedAndToldOnceAtTheEndAlsoThoseOfAnEarlierProcess() async throws {
        let bench = try Bench()
        bench.world.on("first.check") { $0.reporter?.notes("the backup is there") }
        bench.world.on("first.verify") { $0.reporter?.notes("the backup is there") }
        bench.world.on("second.apply") { _ in throw failure(.failed) }
        #expect(try await bench.run().notes == ["the backup is there"])
        let notes = try bench.newest().entries().filter { $0.kind == .note }
        #expect(notes.map(\.text) == ["the backup is there"] && notes.map(\.step) == ["first"])
        bench.world.calm()
        bench.world.on("third.apply") { $0.reporter?.notes("and more") }
        #expect(try await bench.resume().notes == ["the backup is there", "and more"])
        try bench.expectIntact()
    }
}
