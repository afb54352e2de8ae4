import Foundation
import Glibc
import Testing

/// A migration of another image that an interrupted run left, beside a database that is right for the wanted one.
extension RehearsalTests {
    @Test func aMigrationThatWasLeftDoesNotBeginAfterARunOfTheOlderImage() async throws {
        let newer = try Variant(["chatwoot-keybuzz:v3.12.0": "chatwoot-keybuzz:v3.13.0"]).path
        try await Lab.reset()
        try await Lab.runToTheEnd()
        let lines = try await Platform.databaseLines()
        let before = try await Platform.migrations()
        try await Lab.call("kubectl", "cordon", "k8s-worker-01")
        let upgrade = try Lab.start("run", "11", "--inventory", newer)
        try await eventually("its Job is there", within: .seconds(90)) {
            let jobs = try await Platform.migrations()
            return jobs.count > before.count || !upgrade.isRunning
        }
        upgrade.send(SIGKILL)
        let killed = try await upgrade.wait()
        #expect(killed.status == 128 + SIGKILL, "\(killed.error)")

        let plan = try await Lab.runner("plan", "11")
        #expect(plan.output.contains("wait for Job chatwoot-migrations-"), "\(plan.output)\(plan.error)")
        let resumed = try await Lab.runner("resume")
        #expect(resumed.status == 0, "\(resumed.error)")
        #expect(resumed.error.contains("removing Job chatwoot-migrations-"), "\(resumed.error)")
        try await Lab.call("kubectl", "uncordon", "k8s-worker-01")
        #expect(try await Platform.migrations() == before)
        #expect(try await Platform.databaseLines() == lines)
        #expect(try await Lab.runner("plan", "11", "--detailed-exitcode").status == 0)
    }
}
