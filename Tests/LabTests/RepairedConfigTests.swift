import Foundation
import Testing

/// A pod reads its environment once: putting the ConfigMap back is not enough for those that started before.
extension RehearsalTests {
    @Test func podsThatStartedWithAValueThatIsPutBackAreReplaced() async throws {
        try await Lab.reset()
        try await Lab.runToTheEnd()
        try await Drift.provoke([
            .field("configmap/chatwoot-config", "/data/INSTALLATION_ENV", #""by-hand""#, "")
        ])
        let deployments = ["deployment/chatwoot-web", "deployment/chatwoot-worker"]
        for deployment in deployments {
            try await Lab.call("kubectl", "-n", "chatwoot", "rollout", "restart", deployment)
            try await Lab.call("kubectl", "-n", "chatwoot", "rollout", "status", deployment, "--timeout=120s")
        }
        let wrong = try await environments()
        #expect(wrong == ["INSTALLATION_ENV=by-hand"])

        let plan = try await Lab.runner("plan", "11")
        #expect(plan.output.contains("data.INSTALLATION_ENV: by-hand → KeyBuzz"), "\(plan)")
        for deployment in ["chatwoot-web", "chatwoot-worker"] {
            #expect(
                plan.output.contains("\(deployment): spec.template.metadata.annotations[keybuzz.io/config-checksum]: "),
                "\(plan)")
        }
        // Cut off between the two steps, so that what is still to be done shows nowhere but in the cluster.
        let half = try await Lab.runner("run", "11", "--until", "11_ct_01_prepare_config")
        #expect(half.status == 0, "\(half.error)")
        try await Lab.runToTheEnd()
        let right = try await environments()
        #expect(right == ["INSTALLATION_ENV=KeyBuzz"])
        #expect(try await Lab.runner("plan", "11", "--detailed-exitcode").status == 0)
    }

    /// What the running pods of web and worker have in their environment, each value once.
    private func environments() async throws -> Set<String> {
        let pods = try await Lab.objects("-n", "chatwoot", "pods", "--field-selector=status.phase=Running")
        let names = pods.compactMap { pod -> String? in
            let metadata = pod["metadata"] as? [String: Any]
            return metadata?["deletionTimestamp"] == nil ? metadata?["name"] as? String : nil
        }
        #expect(names.count == 4)
        var found: Set<String> = []
        for name in names {
            let environment = try await Lab.call(
                "kubectl", "-n", "chatwoot", "exec", name, "--", "cat", "/proc/1/environ")
            found.formUnion(
                environment.split(separator: "\0").map(String.init).filter { $0.hasPrefix("INSTALLATION_ENV=") })
        }
        return found
    }
}
