import Foundation
import TestSupport
import Testing

/// A run that is cut off, and resumed with an inventory that has another image, domain and number of pods.
extension RehearsalTests {

    @Test func aRunResumedWithAnotherInventoryEndsAsThatOneAsks() async throws {
        let other = try Variant([
            "chatwoot-keybuzz:v3.12.0": "chatwoot-keybuzz:v3.13.0", "\"web\": 2": "\"web\": 1",
        ]).path
        try await Lab.reset()
        let whole = try await Lab.runner("run", "11", "--inventory", other)
        try #require(whole.status == 0, "\(whole.error)")
        let undisturbed = try await Platform.fingerprint()
        let tried = try await inEachStep { run, step, _ in
            run.send(SIGKILL)
            guard try await run.wait(atMost: .seconds(30)).status != 0 else { return false }
            let secrets = try await Platform.presentSecrets()
            let resumed = try await Lab.runner("resume", "--inventory", other)
            print("\(step): \(resumed.status) \(resumed.error)")
            #expect(resumed.status == 0, "\(step): \(resumed.error)")
            #expect(resumed.error.contains("v3.13.0"), "what changed is told: \(step): \(resumed.error)")
            // The older release may have been migrated before.
            let difference = try await Platform.difference(from: undisturbed).filter { !$0.contains("Job chatwoot") }
            #expect(difference.isEmpty, "\(step): \(difference)\n\(resumed.error)")
            try await Platform.expectKept(secrets, step)
            #expect(try await Platform.migrations(by: "chatwoot-keybuzz:v3.13.0").count == 1)
            try await Platform.expectIntactRecord("\(step): \(resumed.error)")
            return true
        }
        survived(
            "another inventory (image, pods) given to `resume` after a kill inside a step", times: tried.steps,
            oracle:
                "what changed is told; ends with the objects and the database of an undisturbed run of that inventory, "
                + "the same secrets, migrated once, an intact record", seed: tried.seed)
    }
}
