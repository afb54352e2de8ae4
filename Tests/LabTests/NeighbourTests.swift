import Foundation
import Testing

/// What the cluster's own rules and other people's tools add to Chatwoot's objects, or decide about them.
extension RehearsalTests {
    @Test func podsRunWithoutPrivileges() async throws {
        try await Lab.reset()
        try await Lab.runToTheEnd()
        let pods = try await Self.runningPods()
        #expect(pods.count == 4)
        for pod in pods {
            let status = try await Lab.call(
                "kubectl", "-n", "chatwoot", "exec", pod, "--", "grep", "-E",
                "^(CapEff|CapBnd|NoNewPrivs|Seccomp):", "/proc/1/status")
            let lines = Set(status.split(separator: "\n").map(String.init))
            #expect(
                lines == [
                    "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1",
                    "Seccomp:\t2",
                ], "\(pod)")
        }
        for job in try await Lab.objects("-n", "chatwoot", "jobs") {
            let spec = try #require(Self.podSpec(of: job))
            let container = try #require((spec["containers"] as? [[String: Any]])?.first)
            let rights = try #require(container["securityContext"] as? [String: Any])
            #expect(rights["allowPrivilegeEscalation"] as? Bool == false)
            #expect((rights["capabilities"] as? [String: [String]])?["drop"] == ["ALL"])
            #expect(
                spec["securityContext"] as? [String: [String: String]]
                    == ["seccompProfile": ["type": "RuntimeDefault"]])
        }

        let drifts: [Drift] = [
            .removed(
                "deployment/chatwoot-web",
                "/spec/template/spec/containers/0/securityContext/capabilities",
                "containers[web].securityContext.capabilities.drop: added: "),
            .field(
                "deployment/chatwoot-worker",
                "/spec/template/spec/containers/0/securityContext/allowPrivilegeEscalation", "true",
                "containers[worker].securityContext.allowPrivilegeEscalation: true → false"),
            .removed(
                "deployment/chatwoot-worker", "/spec/template/spec/securityContext/seccompProfile",
                "securityContext.seccompProfile.type: added: RuntimeDefault"),
        ]
        var honesty = Honesty()
        try await honesty.planAndRun([])
        try await Drift.provoke(drifts)
        try await honesty.planAndRun(drifts)
    }

    @Test func numbersOfPodsThatTheInventoryLeavesToOthersAreLeft() async throws {
        let leaving = try Variant(
            replacing: #""replicas": { "web": 2, "worker": 2 }"#,
            with: #""replicas": { "web": "leave", "worker": "leave" }"#)
        try await Lab.reset()
        let first = try await Lab.runner("run", "11", "--inventory", leaving.path)
        #expect(first.status == 0, "\(first.error)")
        try await Lab.call(
            "kubectl", "-n", "chatwoot", "scale", "deployment/chatwoot-web", "--replicas=3")
        try await Lab.call(
            "kubectl", "-n", "chatwoot", "autoscale", "deployment/chatwoot-worker", "--min=2", "--max=3")
        try await Lab.call("kubectl", "apply", "-f", "-", input: Self.limitRange)
        // New pods, which the LimitRange adds to.
        for name in ["web", "worker"] {
            let deployment = "deployment/chatwoot-\(name)"
            try await Lab.call("kubectl", "-n", "chatwoot", "rollout", "restart", deployment)
            try await Lab.call("kubectl", "-n", "chatwoot", "rollout", "status", deployment, "--timeout=120s")
        }
        try await eventually("the autoscaler raises the workers to its minimum") {
            try await Self.replicas() == ["chatwoot-web": 3, "chatwoot-worker": 2]
        }
        // Before the pod that it adds is available, a run has a rollout to wait for.
        try await Lab.call(
            "kubectl", "-n", "chatwoot", "rollout", "status", "deployment/chatwoot-worker", "--timeout=120s")

        let again = try await Lab.runner("run", "11", "--inventory", leaving.path)
        #expect(again.status == 0, "\(again.error)")
        #expect(again.error.contains("done: 0 applied, 7 in place"), "\(again.error)")
        #expect(
            try await Lab.runner("plan", "11", "--inventory", leaving.path, "--detailed-exitcode").status == 0)
        #expect(try await Self.replicas() == ["chatwoot-web": 3, "chatwoot-worker": 2])
        let healthy = try await Lab.runner("doctor", "11", "--inventory", leaving.path)
        #expect(healthy.status == 0, "\(healthy)")

        // A number in the inventory and the autoscaler would change the workers in turn.
        let refused = try await Lab.runner("run", "11")
        #expect(refused.status == 65, "\(refused.error)")
        #expect(refused.error.contains("HorizontalPodAutoscaler chatwoot/chatwoot-worker scales it"))
        #expect(refused.error.contains(#"write "replicas": { "worker": "leave" }"#), "\(refused.error)")
        #expect(try await Self.replicas() == ["chatwoot-web": 3, "chatwoot-worker": 2])
        try await Lab.call("kubectl", "-n", "chatwoot", "delete", "hpa", "chatwoot-worker")
        try await Lab.runToTheEnd()
        #expect(try await Self.replicas() == ["chatwoot-web": 2, "chatwoot-worker": 2])
    }

    private static let limitRange = """
        apiVersion: v1
        kind: LimitRange
        metadata: {name: defaults, namespace: chatwoot}
        spec:
          limits:
          - type: Container
            default: {ephemeral-storage: 1Gi}
            defaultRequest: {ephemeral-storage: 100Mi}
        """

    private static func replicas() async throws -> [String: Int] {
        let deployments = try await Lab.objects("-n", "chatwoot", "deployments")
        return Dictionary(
            uniqueKeysWithValues: deployments.compactMap { deployment in
                guard let name = (deployment["metadata"] as? [String: Any])?["name"] as? String,
                    let spec = deployment["spec"] as? [String: Any], let count = spec["replicas"] as? Int
                else { return nil }
                return (name, count)
            })
    }

    private static func podSpec(of workload: [String: Any]) -> [String: Any]? {
        let template = (workload["spec"] as? [String: Any])?["template"] as? [String: Any]
        return template?["spec"] as? [String: Any]
    }

    private static func runningPods() async throws -> [String] {
        let pods = try await Lab.objects(
            "-n", "chatwoot", "pods", "-l", "app=chatwoot,component in (web,worker)",
            "--field-selector=status.phase=Running")
        return pods.compactMap { ($0["metadata"] as? [String: Any])?["name"] as? String }
    }
}
