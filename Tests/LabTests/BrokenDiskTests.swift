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

    @Test(arguments: Lab.chosen(diskErrors)) func aDiskThatFailsFromASyncOnIsNamed(_ error: DiskError) async throws {
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

    /// A quarter of a second for each fsync makes a run slow and nothing else; with two seconds it may lose its lease.
    @Test(arguments: [0.25, 2]) func aDiskThatIsSlowIsBorneOrNamed(_ delay: Double) async throws {
        let undisturbed = try await Undisturbed.fingerprint()
        try await Lab.reset()
        let disk = try await SyncedOnlyDisk()
        try await undoing({ try await disk.remove() }) {
            try await disk.delaySyncs(by: delay)
            let run = try await Lab.start("run", "11").wait(atMost: .seconds(1500))
            let syncs = try await disk.syncs()
            print("\(syncs) syncs of \(delay) s: \(run.seconds) s, status \(run.status)\n\(run.error)")
            #expect(run.seconds > Double(syncs) * delay / 4, "the disk was slow")
            #expect(!run.error.contains("warning"), "\(run.error)")
            try await disk.delaySyncs(by: 0)
            if delay < 1 {
                #expect(run.status == 0, "\(run.error)")
            } else if run.status != 0 {
                #expect(run.error.contains("the disk of \(Lab.state) took up to"), "\(run.error)")
                let resumed = try await Lab.runner("resume")
                #expect(resumed.status == 0, "\(resumed.error)")
            }
            try await Platform.expectRecovered(as: undisturbed, run.error)
            survived(
                "each fsync of a run on the rehearsal cluster takes \(delay) s", times: syncs,
                oracle: delay < 1
                    ? "the run keeps its lease, and ends as an undisturbed one does, without a warning"
                    : "the run names the disk before another can have the module; resumed on a fast one; ends with the "
                        + "objects and the database of an undisturbed run, migrated once, an intact record")
        }
    }
}
