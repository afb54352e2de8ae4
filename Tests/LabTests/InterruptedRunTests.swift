import Foundation
import TestSupport
import Testing

/// Runs that are cut off again and again, and resumed each time.
extension RunTests {
    private static let oracle =
        "resumed; ends with the objects and the database of an undisturbed run, the same secrets, migrated once, an intact "
        + "record, no secret in a file"

    @Test func interruptedInsideEachStepItResumes() async throws {
        let undisturbed = try await Undisturbed.fingerprint()
        try await Lab.reset()
        let steps = [
            "fix_ufw_k8s_nodes", "11_ct_00_setup_credentials", "11_ct_01_prepare_config", "add_imagepullsecrets",
            "11_ct_04_run_migrations", "11_ct_02_deploy_chatwoot", "11_ct_03_tests",
        ]
        var numbers = SeededNumbers()
        var interruption = Interruption(signals: [SIGKILL, SIGINT, SIGTERM, SIGHUP, SIGXCPU])
        for step in steps { try await interruption.interrupt(within: step, &numbers) }
        try await interruption.finish()
        #expect(interruption.count == steps.count)
        let difference = try await Platform.difference(from: undisturbed)
        #expect(difference.isEmpty, "\(difference)")
        survived(
            "SIGKILL, SIGINT, SIGTERM, SIGHUP or SIGXCPU inside a step on the rehearsal cluster",
            times: interruption.count, oracle: Self.oracle, seed: numbers.seed)
    }

    /// Again and again until nothing is left to kill, and then from an empty cluster.
    @Test func killedAtRandomMomentsItResumes() async throws {
        let environment = ProcessInfo.processInfo.environment
        let wanted = environment["LAB_KILLS"].flatMap { Int($0) } ?? (Lab.isThorough ? 100 : 8)
        var numbers = SeededNumbers()
        let (undisturbed, whole) = try await (Undisturbed.fingerprint(), Undisturbed.seconds())
        var total = 0
        while total < wanted {
            try await Lab.reset()
            var interruption = Interruption(signals: [SIGKILL])
            // The first at any moment of the run, and each resumption soon enough that there are several.
            var share = 1.0
            while total + interruption.count < wanted,
                try await interruption.interrupt(after: .seconds(whole * .random(in: 0.01...share, using: &numbers)))
            {
                share = 0.4
            }
            try await interruption.finish()
            total += interruption.count
            let difference = try await Platform.difference(from: undisturbed)
            #expect(difference.isEmpty, "after \(total) kills: \(difference)")
            survived(
                "kill -9 at a random moment of a whole run on the rehearsal cluster", times: interruption.count,
                oracle: Self.oracle, seed: numbers.seed)
        }
    }
}
