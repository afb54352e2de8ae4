import Foundation
import TestSupport
import Testing

/// A run that is cut off, and resumed with an inventory that has another image, domain and number of pods.
extension RehearsalTests {

    @Test func aRunResumedWithAnotherInventoryEndsAsThatOneAsks() async throws {
        let other = try Variant([
            "chatwoot-keybuzz:v3.12.0": "chatwoot-keybuzz:v3.13.0", "\"web\": 2": "\"web\": 1",
        ]).path
        let steps = try await Undisturbed.steps()
        try await Lab.reset()
        let whole = try await Lab.runner("run", "11", "--inventory", other)
        try #require(whole.status == 0, "\(whole.error)")
        let undisturbed = try await Platform.fingerprint()
        var numbers = SeededNumbers()
        let chosen = Lab.isThorough ? steps : try [#require(steps.randomElement(using: &numbers))]
        for step in chosen {
            try await Lab.reset()
            let run = try Lab.start("run", "11")
            try await eventually("\(step.name) begins") { try Platform.hasBegun(step.name) }
            try await Task.sleep(for: .seconds(step.seconds * .random(in: 0..<1, using: &numbers)))
            run.send(SIGKILL)
            _ = try await run.wait(atMost: .seconds(30))
            let secrets = try await Platform.presentSecrets()
            let resumed = try await Lab.runner("resume", "--inventory", other)
            print("\(step.name): \(resumed.status) \(resumed.error)")
            #expect(resumed.status == 0, "\(step.name): \(resumed.error)")
            #expect(resumed.error.contains("v3.13.0"), "what changed is told: \(step.name): \(resumed.error)")
            // The older release may have been migrated before.
            let difference = try await Platform.difference(from: undisturbed).filter { !$0.contains("Job chatwoot") }
            #expect(difference.isEmpty, "\(step.name): \(difference)\n\(resumed.error)")
            let now = try await Platform.generatedSecrets()
            #expect(secrets.allSatisfy { now[$0.key] == $0.value }, "\(step.name)")
            #expect(try await Platform.migrations(by: "chatwoot-keybuzz:v3.13.0").count == 1)
            let verified = try await Lab.runner("audit", "verify")
            #expect(verified.status == 0, "\(step.name): \(verified.output)")
        }
        survived(
            "another inventory (image, pods) given to `resume` after a kill inside a step", times: chosen.count,
            oracle:
                "what changed is told; ends with the objects and the database of an undisturbed run of that inventory, "
                + "the same secrets, migrated once, an intact record", seed: numbers.seed)
    }
}
