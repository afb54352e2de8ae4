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

    /// What was not synced is lost for certain; the first fsync of a run, the second of its resumption, and so on, from an
    /// empty cluster again where a resumption has ended before.
    @Test func aPowerCutAtEachSyncTakesNothingThatWasPromised() async throws {
        let undisturbed = try await Undisturbed.fingerprint()
        let whole = try await syncsOfAWholeRun()
        let environment = ProcessInfo.processInfo.environment
        let wanted = environment["LAB_CUTS"].flatMap { Int($0) } ?? (Lab.isThorough ? whole : 4)
        let stride = max(1, whole / wanted)
        var (sync, total) = (1, 0)
        while sync <= whole {
            try await Lab.reset()
            let disk = try await SyncedOnlyDisk()
            try await undoing({ try await disk.remove() }) {
                var interruption = Interruption(signals: [SIGKILL])
                try await disk.cut(at: sync)
                while sync <= whole, try await interruption.isEnded() {
                    try await disk.cut(at: 0)
                    try Self.expectCheckpoints(of: interruption.told)
                    sync += stride
                    try await disk.cut(at: sync)
                }
                try await disk.cut(at: 0)
                try await interruption.finish()
                total += interruption.count
                let difference = try await Platform.difference(from: undisturbed)
                #expect(difference.isEmpty, "after \(total) cuts: \(difference)")
                // A run of fewer syncs than the whole one.
                if interruption.count == 0 { sync = whole + 1 }
            }
        }
        print("\(total) power cuts at syncs 1 to \(whole), every \(stride)")
        survived(
            "a power cut at an fsync of a run on the rehearsal cluster: all that was not synced is lost", times: total,
            oracle:
                "each step that was told as done has its checkpoint in the log; resumed; ends with the objects and the database "
                + "of an undisturbed run, the same secrets, migrated once, an intact record, no secret in a file")
    }

    private func syncsOfAWholeRun() async throws -> Int {
        try await Lab.reset()
        let disk = try await SyncedOnlyDisk()
        return try await undoing({ try await disk.remove() }) {
            try await disk.cut(at: 0)
            try await Lab.runToTheEnd()
            let syncs = try await disk.syncs()
            try #require(syncs > 50)
            return syncs
        }
    }
}
