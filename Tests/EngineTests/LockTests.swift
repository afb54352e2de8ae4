import ClientKit
import Engine
import Journal
import StepKit
import Testing

/// Which run it is, is decided under the module's lock.
@Suite(.timeLimit(.minutes(5))) struct LockTests {
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
}
