import Foundation
import TestSupport
import Testing

/// The power of the operator's machine fails at random moments of a run.
extension RehearsalTests {
    @Test func aPowerCutTakesNothingThatWasPromised() async throws {
        let wanted = Lab.isThorough ? 30 : 4
        var numbers = SeededNumbers()
        let (undisturbed, whole) = try await (Undisturbed.fingerprint(), Undisturbed.seconds())
        var total = 0
        while total < wanted {
            try await Lab.reset()
            let disk = try await PowerCutDisk()
            try await undoing({ try await disk.remove() }) {
                total += try await cutAgainAndAgain(disk, atMost: wanted - total, whole: whole, &numbers)
                let difference = try await Platform.difference(from: undisturbed)
                #expect(difference.isEmpty, "after \(total) cuts: \(difference)")
            }
        }
        survived(
            "a power cut of an ext4 that holds the state directory, at a random moment of a run on the rehearsal cluster",
            times: total,
            oracle:
                "each step that was told as done has its checkpoint in the log; resumed; ends with the objects and the database "
                + "of an undisturbed run, the same secrets, migrated once, an intact record, no secret in a file",
            seed: numbers.seed)
    }

    /// One run, cut off until it ends or has been `most` times; returns how often it was.
    private func cutAgainAndAgain(
        _ disk: PowerCutDisk, atMost most: Int, whole: Double, _ numbers: inout SeededNumbers
    ) async throws -> Int {
        var interruption = Interruption(signals: [SIGKILL])
        var share = 1.0
        while interruption.count < most,
            try await interruption.interrupt(after: .seconds(whole * .random(in: 0.01...share, using: &numbers)))
        {
            try await disk.cut()
            try Self.expectCheckpoints(of: interruption.told)
            share = 0.4
        }
        try await interruption.finish()
        return interruption.count
    }

    /// What was told as done is in the log, with its checkpoint; whose file may still have its temporary name.
    private static func expectCheckpoints(of told: String) throws {
        let left = try Platform.auditLines().filter { $0["kind"] as? String == "checkpoint" }
            .compactMap { $0["step"] as? String }
        for step in told.matches(of: /✓ \[\d+\/\d+\] (\w+)/).map({ String($0.1) }) {
            #expect(left.contains(step), "\(step) was told as done; left: \(left)")
        }
    }

    /// What was not synced is lost for certain.
    ///
    /// From an empty cluster on, each round cuts the power once before the first step and
    /// once in each step: the first round at the first fsync there, the second at the second, until every fsync of a run that
    /// nothing disturbs was one of them.
    @Test func aPowerCutAtEachSyncTakesNothingThatWasPromised() async throws {
        let undisturbed = try await Undisturbed.fingerprint()
        let steps = [""] + (try await Undisturbed.steps().map(\.name))
        let syncs = try await syncsOfAWholeRun()
        try #require(Set(syncs.keys).isSubset(of: Set(steps)) && syncs.values.reduce(0, +) > 50, "\(syncs)")
        var numbers = SeededNumbers()
        let last = try #require(syncs.values.max())
        let rounds = Lab.isThorough ? Array(1...last) : [Int.random(in: 1...last / 4, using: &numbers)]
        var (total, missed): (Int, [String]) = (0, [])
        for round in rounds {
            var left = steps.filter { round <= syncs[$0] ?? 0 }
            while !left.isEmpty {
                try await Lab.reset()
                let disk = try await SyncedOnlyDisk()
                try await undoing({ try await disk.remove() }) {
                    var interruption = Interruption(signals: [SIGKILL])
                    while !left.isEmpty {
                        let step = left.removeFirst()
                        try await disk.cut(at: round, of: step.isEmpty ? nil : step)
                        guard try await interruption.isEnded() else {
                            // It had an fsync fewer there than the run that nothing disturbed; and it is through.
                            missed.append("\(round) of \(step)")
                            break
                        }
                        try await disk.cut(at: 0)
                        try Self.expectCheckpoints(of: interruption.told)
                    }
                    try await disk.cut(at: 0)
                    try await interruption.finish()
                    total += interruption.count
                    let difference = try await Platform.difference(from: undisturbed)
                    #expect(difference.isEmpty, "round \(round): \(difference)")
                }
            }
        }
        print("\(total) power cuts in \(rounds.count) rounds; of the syncs of \(syncs) not there: \(missed)")
        // What a run waits for takes more polls one time than another.
        #expect(total > 0 && missed.count <= max(1, rounds.count / 5), "\(missed)")
        survived(
            "a power cut at an fsync of a run on the rehearsal cluster: all that was not synced is lost", times: total,
            oracle:
                "each step that was told as done has its checkpoint in the log; resumed; ends with the objects and the database "
                + "of an undisturbed run, the same secrets, migrated once, an intact record, no secret in a file",
            seed: numbers.seed)
    }

    /// How many fsyncs each step of a run has; those before the first step under "".
    private func syncsOfAWholeRun() async throws -> [String: Int] {
        try await Lab.reset()
        let disk = try await SyncedOnlyDisk()
        return try await undoing({ try await disk.remove() }) {
            try await disk.cut(at: 0)
            try await Lab.runToTheEnd()
            return try await disk.syncsOfSteps()
        }
    }
}
