import ClientKit
import Engine
import Journal
import StepKit
import Testing

/// Which run it is, is decided under the module's lock.
@Suite(.timeLimit(.minutes(15))) struct LockTests {
    @Test func aRunThatIsTurnedAwayLeavesNoRunAndTakesNoId() async throws {
        let bench = try Bench()
        let inside = Box<[RunID]>()
        bench.world.on("second.apply") { _ in
            let error = await #expect(throws: JournalError.self) { try await bench.run() }
            #expect(error?.kind == .busy)
            #expect(error?.holder?.run == (try bench.newest().id))
            inside.value = try bench.state.runs().map(\.id)
        }
        let summary = try await bench.run()
        bench.world.calm()
        #expect(summary.failure == nil)
        #expect(inside.value?.map(\.description) == [summary.runID])
    }

    @Test func resumePicksItsRunUnderTheLock() async throws {
        let bench = try Bench()
        bench.world.on("second.apply") { _ in throw failure(.failed) }
        _ = try await bench.run()
        bench.world.calm()
        let lock = try ModuleLock.acquire(module: "11", in: bench.state)
        let busy = await #expect(throws: JournalError.self) { try await bench.resume() }
        #expect(busy?.kind == .busy)
        // Whoever held the lock went on with that run meanwhile.
        try lock.release()
        #expect(try await bench.resume().failure == nil)
        let second = try ModuleLock.acquire(module: "11", in: bench.state)
        // Not "nothing to resume", which nobody can know before the lock is free.
        let again = await #expect(throws: JournalError.self) {
            try await bench.runner.resume(nil, in: bench.state)
        }
        #expect(again?.kind == .busy)
        try second.release()
        #expect(try await bench.runner.resume(nil, in: bench.state) == nil)
    }

    @Test func aRunBesideOneThatWasCutOffIsRefusedUnlessItIsAskedFor() async throws {
        let cutOff = try await Bench.killedInSecond()
        let id = try cutOff.newest().id
        let error = await #expect(throws: StepFailure.self) { try await cutOff.run() }
        #expect(error?.kind == .usage)
        #expect(error?.cause == "run \(id) was cut off and is not finished")
        #expect(error?.remedy.contains("--new") == true)
        #expect(cutOff.world.calls.isEmpty)
        #expect(try cutOff.state.runs().map(\.id) == [id])
        #expect(try await cutOff.run(isNew: true).failure == nil)
        // Which settles it.
        #expect(try await cutOff.run().failure == nil)
        #expect(try cutOff.state.runs().count == 3)
    }

    @Test func aRunBesideOneThatWasInterruptedIsRefused() async throws {
        let bench = try Bench()
        bench.world.on("second.apply", hang)
        let ended = try await bench.cancelled(at: "second.apply") { try await bench.run() }
        #expect(ended.failure?.exitStatus == 130)
        bench.world.calm()
        let error = await #expect(throws: StepFailure.self) { try await bench.run() }
        #expect(error?.cause.contains("was interrupted at step second and is not finished") == true)
        #expect(try await bench.resume().failure == nil)
        #expect(try await bench.run().failure == nil)
    }

    /// Its remedy may be a run of its own, such as one from an earlier step.
    @Test func aRunBesideOneThatFailedNamesIt() async throws {
        let bench = try Bench()
        bench.world.on("second.apply") { _ in throw failure(.failed) }
        let failed = try await bench.run()
        bench.world.calm()
        #expect(try await bench.run().failure == nil)
        let warning = try #require(bench.events.warnings.last)
        #expect(warning.hasPrefix("run \(failed.runID) failed at step second and is not finished"))
        #expect(warning.contains("`runner resume \(failed.runID)`"))
    }

    @Test func whoWaitsForTheLeaseGetsItWhenTheOtherHasReleasedIt() async throws {
        var bench = try Bench()
        bench.lockWait = .seconds(600)
        bench.world.on("takeLease") { visit in
            if visit.number < 3 { throw failure(.busy, "bob@install-02 4711 holds it") }
        }
        async let run = bench.run()
        for _ in 0..<2 { try await bench.clock.wakeNext(within: .seconds(2)) }
        #expect(try await run.failure == nil)
        #expect(bench.world.count("takeLease") == 3)
        #expect(
            bench.events.warnings == ["bob@install-02 4711 holds it; waiting up to 600 s for it to end"])
    }
}
