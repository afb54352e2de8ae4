import Foundation
import TestSupport
import Testing

/// A first installation whose inventory names no host for backups, and that is cut off in its migration.
extension RehearsalTests {
    private static let noBackup = [
        #"  "backup": { "host": "k8s-master-03", "directory": "/var/lib/keybuzz-lab/backups" },"#: ""
    ]

    /// The image is one whose figures the runner does not know, so that only the Job tells what it did.
    @Test func aMigrationThatEndsWhileNobodyWatchesIsDoneOnce() async throws {
        let image = "chatwoot-keybuzz:v3.13.0"
        let inventory = try Variant(Self.noBackup.merging(["chatwoot-keybuzz:v3.12.0": image]) { own, _ in own }).path
        try await Lab.reset()
        let run = try Lab.start("run", "11", "--inventory", inventory)
        try await eventually("the migration works") {
            try await Lab.objects("-n", "chatwoot", "jobs").contains { job in
                (job["status"] as? [String: Any])?["active"] as? Int == 1
            }
        }
        run.send(SIGKILL)
        #expect(try await run.wait(atMost: .seconds(30)).status == 128 + SIGKILL)
        try await eventually("it is done") { try await Platform.migrations().values.contains([1, 0]) }
        let resumed = try await Lab.runner("resume", "--inventory", inventory)
        #expect(resumed.status == 0, "\(resumed.error)")
        #expect(!resumed.error.contains("an earlier run started"), "it was over: \(resumed.error)")
        #expect(try await Platform.migrations(by: image).count == 1)
        try await Platform.expectIntactRecord(resumed.error)
        let again = try await Lab.runner("run", "11", "--inventory", inventory)
        #expect(again.error.contains("0 applied, 7 in place"), "\(again.error)")
    }

    /// What it has written by then are settings that nobody could change yet.
    @Test func aSeedThatIsCutOffNeedsNoBackup() async throws {
        let slow = ["\"replicas\"": #""environment": {"STANDIN_SEED_DELAY": "4"}, "replicas""#]
        let inventory = try Variant(Self.noBackup.merging(slow) { own, _ in own }).path
        try await Lab.reset()
        let run = try Lab.start("run", "11", "--inventory", inventory)
        try await eventually("the seed is under way") { try await MigrationPhase.duringSeed.isReached() }
        run.send(SIGKILL)
        #expect(try await run.wait(atMost: .seconds(30)).status == 128 + SIGKILL)
        try await Lab.call("shell", "k8s-worker-01", "pkill", "-KILL", "-f", "db:chatwoot_prepare")
        let resumed = try await Lab.runner("resume", "--inventory", inventory)
        #expect(resumed.status == 0, "\(resumed.error)")
        #expect(!resumed.error.contains("backing up"), "\(resumed.error)")
        try await Platform.expectIntactRecord(resumed.error)
        let again = try await Lab.runner("run", "11", "--inventory", inventory)
        #expect(again.error.contains("0 applied, 7 in place"), "\(again.error)")
    }
}
