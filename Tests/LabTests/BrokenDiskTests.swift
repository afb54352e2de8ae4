import Foundation
import TestSupport
import Testing

/// The disk under the state directory fills up, becomes read-only, breaks or is slow while a run works.
extension RehearsalTests {
    struct DiskError: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// As errors have it: `(EIO)`.
        let name: Substring
        let number: Int32

        init(_ words: String, _ number: Int32) {
            (testDescription, self.number) = (words, number)
            name = words.drop { $0 != "(" }
        }
    }

    static let diskErrors = [
        DiskError("the disk is full (ENOSPC)", ENOSPC),
        DiskError("the disk has become read-only (EROFS)", EROFS),
        DiskError("the disk is broken (EIO)", EIO),
    ]

    @Test(arguments: diskErrors) func aDiskThatFailsFromASyncOnIsNamed(_ error: DiskError) async throws {
        let undisturbed = try await Undisturbed.fingerprint()
        var numbers = SeededNumbers()
        let wanted = Lab.isThorough ? 10 : 2
        try await Lab.reset()
        let disk = try await SyncedOnlyDisk()
        try await undoing({ try await disk.remove() }) {
            var interruption = Interruption(signals: [SIGKILL])
            for number in 0..<wanted {
                // A resumption that has less to do may end before.
                try await disk.fail(with: error.number, at: .random(in: 1...(10 + 4 * number), using: &numbers))
                guard try await interruption.isEnded(with: 73) else { break }
                #expect(interruption.told.contains(error.name), "\(interruption.told)")
                try await disk.fail(with: 0, at: 0)
            }
            try await disk.fail(with: 0, at: 0)
            try await interruption.finish()
            let difference = try await Platform.difference(from: undisturbed)
            #expect(difference.isEmpty, "\(difference)")
            survived(
                "\(error.testDescription) from an fsync of a run on the rehearsal cluster on",
                times: interruption.count,
                oracle: "status 73; resumed when the disk works again; ends with the objects and the database of an "
                    + "undisturbed run, the same secrets, migrated once, an intact record, no secret in a file",
                seed: numbers.seed)
        }
    }

    @Test func aDiskThatIsSlowMakesARunSlowAndNothingElse() async throws {
        let undisturbed = try await Undisturbed.fingerprint()
        let delay = Lab.isThorough ? 2 : 0.25
        try await Lab.reset()
        let disk = try await SyncedOnlyDisk()
        try await undoing({ try await disk.remove() }) {
            try await disk.delaySyncs(by: delay)
            let run = try await Lab.start("run", "11").wait(atMost: .seconds(1500))
            #expect(run.status == 0, "\(run.error)")
            #expect(!run.error.contains("warning"), "\(run.error)")
            let syncs = try await disk.syncs()
            print("\(syncs) syncs of \(delay) s: \(run.seconds) s")
            #expect(run.seconds > Double(syncs) * delay / 4, "the disk was slow")
            try await disk.delaySyncs(by: 0)
            let verified = try await Lab.runner("audit", "verify")
            #expect(verified.status == 0, "\(verified.output)")
            let difference = try await Platform.difference(from: undisturbed)
            #expect(difference.isEmpty, "\(difference)")
            survived(
                "each fsync of a whole run on the rehearsal cluster takes \(delay) s", times: syncs,
                oracle: "the run ends as an undisturbed one does, without a warning, and keeps its lease")
        }
    }
}
