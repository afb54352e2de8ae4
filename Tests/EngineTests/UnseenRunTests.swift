import ClientKit
import Engine
import Journal
import StepKit
import Testing

/// A run that was cut off, and another one since whose record is on another machine.
@Suite(.timeLimit(.minutes(15))) struct UnseenRunTests {
    /// Where a run of `options` was killed, and the lease names a run that nobody here knows.
    private static func superseded(
        by other: String? = "99990101T000000Z-11-0000", at point: String = "second.apply", _ options: RunOptions,
        after before: String? = nil
    ) async throws -> Bench {
        var bench = try Bench()
        bench.onRequest = "reset"
        bench.world.leaseBefore = before.map { ($0, nil) }
        let (before, left) = (bench, Box<Bench>())
        bench.world.on(point) { _ in
            left.value = try before.crashed()
            throw failure(.failed)
        }
        _ = try await bench.runner.run(StepSelection(), options: options, in: bench.state)
        bench.world.calm(point)
        bench.world.forgetCalls()
        if let other { bench.world.leaseBefore = (other, nil) }
        return try #require(left.value)
    }

    private static func cause(_ failure: RunFailure?) throws -> String {
        guard case .failed(let error) = failure else {
            Issue.record("\(String(describing: failure))")
            return ""
        }
        #expect(error.kind == .badInput && error.remedy.contains("--new"))
        return error.cause
    }

    /// Whether the last step was to leave the backup out in each of two further processes, the first of which failed in it.
    private static func resumedTwice(_ bench: Bench, between change: () -> Void) async throws -> [Bool] {
        bench.world.on("third.apply") { _ in throw failure(.failed) }
        #expect(try await bench.resume(nil).failure != nil)
        bench.world.calm("third.apply")
        change()
        #expect(try await bench.resume(nil).failure == nil)
        return bench.world.options(of: "third").map(\.skipsBackup)
    }

    @Test func aResetIsNotGoneOnWithAfterARunElsewhere() async throws {
        let bench = try await Self.superseded(at: "reset.apply", RunOptions(resetsDatabase: true))
        // Each time: it has not had the lease meanwhile.
        for _ in 1...2 {
            let cause = try Self.cause(try await bench.resume(nil).failure)
            #expect(cause.contains("it has not finished reset, and run 99990101T000000Z-11-0000 has had"), "\(cause)")
        }
        #expect(bench.world.count("takeLease") == 0 && bench.world.count("reset.apply") == 0)
        try bench.expectIntact()
    }

    /// The other run had the lease between the look at it and its taking.
    @Test(arguments: ["reset.apply", "preflight"])
    func aRunElsewhereThatEndsMeanwhileCountsForEachLaterResume(cutOffAt point: String) async throws {
        let bench = try await Self.superseded(at: point, RunOptions(resetsDatabase: true))
        let run = try bench.newest().id
        let other = bench.world.leaseBefore
        bench.world.leaseBefore = (run.description, nil)
        bench.world.on("takeLease") { _ in bench.world.leaseBefore = other }
        let cause = try Self.cause(try await bench.resume(nil).failure)
        #expect(cause.contains("it has not finished reset"))
        #expect(bench.world.count("first.check") == 0)
        // By now the lease names this run itself.
        bench.world.calm("takeLease")
        bench.world.leaseBefore = (run.description, nil)
        let again = try await bench.runner.resume(nil, in: bench.state)
        // What was refused before its first step has nothing to go on with.
        #expect((again == nil) == (point == "preflight"))
        if let again { _ = try Self.cause(again.failure) }
        #expect(bench.world.count("first.check") == 0 && bench.world.count("reset.apply") == 0)
    }

    @Test func aResetThatIsDoneIsGoneOnWith() async throws {
        let bench = try await Self.superseded(RunOptions(resetsDatabase: true))
        #expect(try await bench.resume(nil).failure == nil)
        #expect(bench.world.count("reset.apply") == 0)
    }

    /// There may be data now that no backup has.
    @Test func existingDataIsSavedAfterARunElsewhereWhateverWasAskedFor() async throws {
        let bench = try await Self.superseded(RunOptions(skipsBackup: true))
        #expect(try await bench.resume(nil).failure == nil)
        #expect(bench.world.options(of: "third").map(\.skipsBackup) == [false])
        let told = bench.events.warnings.filter { $0.contains("although --no-backup was given") }
        #expect(told.count == 1 && told[0].hasPrefix("run 99990101T000000Z-11-0000"), "\(told)")
        let undisturbed = try await Self.superseded(by: nil, RunOptions(skipsBackup: true))
        #expect(try await undisturbed.resume(nil).failure == nil)
        #expect(undisturbed.world.options(of: "third").map(\.skipsBackup) == [true])
    }

    /// Also in the third process of the run, where the second was the first that looked, and was cut off too.
    @Test(arguments: ["open", "preflight", "second.apply"])
    func existingDataIsSavedInEachLaterProcess(cutOffAt point: String) async throws {
        let bench = try await Self.superseded(at: point, RunOptions(skipsBackup: true))
        let run = try bench.newest().id
        let skipsBackup = try await Self.resumedTwice(bench) { bench.world.leaseBefore = (run.description, nil) }
        #expect(skipsBackup == [false, false])
    }

    /// The run before had died with the Lease, which the second process waited for and took.
    @Test func whatAProcessTakesItselfMakesNoEarlierRunALaterOne() async throws {
        let before = "20200101T000000Z-11-0000"
        let bench = try await Self.superseded(by: nil, at: "open", RunOptions(skipsBackup: true), after: before)
        bench.world.isLeaseHeld = true
        let skipsBackup = try await Self.resumedTwice(bench) { bench.world.isLeaseHeld = false }
        #expect(skipsBackup == [true, true])
    }

    /// As by `kubectl delete lease`, or with a new cluster beside the old database: nothing tells who had it meanwhile.
    @Test func afterADeletedLeaseAnyRunMayHaveHadTheModule() async throws {
        let bench = try await Self.superseded(by: nil, at: "reset.apply", RunOptions(resetsDatabase: true))
        bench.world.isLeaseThere = false
        for _ in 1...2 {
            let cause = try Self.cause(try await bench.resume(nil).failure)
            #expect(cause.contains("another run, which the deleted Lease would have named, may have had"), "\(cause)")
        }
        #expect(bench.world.count("takeLease") == 0 && bench.world.count("reset.apply") == 0)
        // Also where it had only looked at the Lease of another run.
        let seen = try await Self.superseded(
            by: nil, at: "preflight", RunOptions(resetsDatabase: true), after: "20200101T000000Z-11-0000")
        seen.world.isLeaseThere = false
        _ = try Self.cause(try await seen.resume(nil).failure)
        let saving = try await Self.superseded(by: nil, RunOptions(skipsBackup: true))
        saving.world.isLeaseThere = false
        // By then it has made another one.
        let skipsBackup = try await Self.resumedTwice(saving) { saving.world.isLeaseThere = true }
        #expect(skipsBackup == [false, false])
        try saving.expectIntact()
    }

    /// A run of this state directory has had the module, in which nobody can see who had it before.
    @Test func aResetIsNotGoneOnWithAfterAnyOtherRun() async throws {
        let bench = try await Self.superseded(by: nil, at: "reset.apply", RunOptions(resetsDatabase: true))
        let reset = try bench.newest().id
        bench.world.on("first.check") { _ in throw failure(.failed) }
        let other = try await bench.run(isNew: true).runID
        bench.world.calm()
        bench.world.leaseBefore = (other, nil)
        let cause = try Self.cause(try await bench.resume(reset).failure)
        #expect(cause.contains("run \(other) has had the module since"), "\(cause)")
        #expect(bench.world.count("reset.apply") == 0)
    }

    @Test func anOrdinaryRunGoesOnAndTellsOfIt() async throws {
        let bench = try await Self.superseded(RunOptions())
        #expect(try await bench.resume(nil).failure == nil)
        let told = bench.events.warnings.filter { $0.contains("has had the module since") }
        #expect(told.count == 1 && told[0].hasPrefix("run 99990101T000000Z-11-0000, which is not in"), "\(told)")
        try bench.expectIntact()
    }

    /// Whatever its id says, as where that machine's clock is ahead.
    @Test(arguments: ["20200101T000000Z-11-0000", "99990101T000000Z-11-0000"], ["preflight", "reset.apply"])
    func aRunBeforeThisOneIsNoneSince(_ before: String, cutOffAt point: String) async throws {
        let bench = try await Self.superseded(by: nil, at: point, RunOptions(resetsDatabase: true), after: before)
        #expect(try await bench.resume(nil).failure == nil)
        #expect(!bench.events.warnings.contains { $0.contains("since") })
        #expect(bench.world.count("reset.apply") == 1)
    }

    /// It had the lease before this run was cut off, and once more since: an earlier run that was resumed.
    @Test(arguments: ["open", "preflight", "reset.apply"])
    func aRunBeforeThisOneThatWasResumedSinceCounts(cutOffAt point: String) async throws {
        let before = "20200101T000000Z-11-0000"
        let bench = try await Self.superseded(
            by: before, at: point, RunOptions(resetsDatabase: true), after: before)
        let cause = try Self.cause(try await bench.resume(nil).failure)
        // A run that was cut off before it looked at the lease cannot know.
        let words = point == "open" ? "may have had" : "has had"
        #expect(cause.contains("it has not finished reset, and run \(before) \(words) the module since"), "\(cause)")
        #expect(bench.world.count("reset.apply") == 0)
    }

    /// It held the lease while this run waited for it, and went on after this run was cut off: that is no other turn.
    @Test func aRunThatWasAtWorkWhenThisOneWasCutOffCounts() async throws {
        var bench = try Bench()
        bench.onRequest = "reset"
        bench.world.leaseBefore = ("20200101T000000Z-11-0000", nil)
        bench.world.isLeaseHeld = true
        let (before, left) = (bench, Box<Bench>())
        bench.world.on("takeLease") { _ in
            left.value = try before.crashed()
            throw failure(.busy)
        }
        _ = try await bench.runner.run(StepSelection(), options: RunOptions(resetsDatabase: true), in: bench.state)
        bench.world.calm("takeLease")
        bench.world.isLeaseHeld = false
        let resumed = try #require(left.value)
        let cause = try Self.cause(try await resumed.resume(nil).failure)
        #expect(cause.contains("run 20200101T000000Z-11-0000 may have had the module since"), "\(cause)")
        #expect(resumed.world.count("reset.apply") == 0)
    }

    /// The run that another one had before, and whose answer to the taking was lost.
    @Test func whoHadItBeforeATakingThatNobodyWasToldOfCounts() async throws {
        let bench = try await Self.superseded(by: nil, at: "reset.apply", RunOptions(resetsDatabase: true))
        let run = try bench.newest().id.description
        bench.world.on("takeLease") { _ in
            bench.world.leaseBefore = ("20200101T000000Z-11-0000", nil)
            bench.world.leaseBefore = (run, nil)
            throw failure(.failed)
        }
        #expect(try await bench.resume(nil).failure != nil)
        bench.world.calm("takeLease")
        _ = try Self.cause(try await bench.resume(nil).failure)
        #expect(bench.world.count("reset.apply") == 0)
    }
}
