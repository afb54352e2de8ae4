import Foundation
import Testing

/// Pods with a container that Chatwoot's Deployments do not have, as a service mesh's webhook gives them.
///
/// The rehearsal's API server cannot apply a webhook's patch. So these pods are made by hand while the controllers
/// stand still, and adopted by the ReplicaSets as soon as they go on.
extension RehearsalTests {
    @Test func podsWithAnInjectedContainerAreNeitherDriftNorFailure() async throws {
        try await Lab.reset()
        try await Lab.runToTheEnd()
        try await Lab.call("stop", "controller-manager")
        for component in ["web", "worker"] { try await Self.replaceOnePod(of: component) }
        try await Lab.call("start", "controller-manager")
        try await eventually("the pods are adopted and ready") {
            let injected = try await Self.injectedPods()
            return injected.count == 2 && injected.allSatisfy { Self.isAdopted($0) && Self.isReady($0) }
        }
        for name in ["web", "worker"] {
            try await Lab.call(
                "kubectl", "-n", "chatwoot", "rollout", "status", "deployment/chatwoot-\(name)", "--timeout=120s")
        }

        let plan = try await Lab.runner("plan", "11", "--detailed-exitcode")
        #expect(plan.status == 0, "\(plan.output)\(plan.error)")
        let again = try await Lab.runner("run", "11")
        #expect(again.status == 0, "\(again.error)")
        #expect(again.error.contains("done: 0 applied, 7 in place"), "\(again.error)")
        let doctor = try await Lab.runner("doctor", "11")
        #expect(doctor.status == 0, "\(doctor.output)")
        #expect(try await Self.injectedPods().count == 2)
        for node in Lab.nodes { #expect(try await Platform.page(through: node).status == "200") }
        try await Lab.reset()
    }

    /// Deletes a pod of `component`, and creates one like it that has a second container.
    private static func replaceOnePod(of component: String) async throws {
        let pods = try await Lab.objects("-n", "chatwoot", "pods", "-l", "component=\(component)")
        let old = try #require(pods.first)
        let metadata = try #require(old["metadata"] as? [String: Any])
        var spec = try #require(old["spec"] as? [String: Any])
        var containers = try #require(spec["containers"] as? [[String: Any]])
        let proxy: [String: Any] = [
            "name": "istio-proxy", "image": try #require(containers.first?["image"]),
            "command": ["sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait"],
        ]
        containers.insert(proxy, at: 0)
        spec["containers"] = containers
        spec["nodeName"] = nil
        let pod: [String: Any] = [
            "apiVersion": "v1", "kind": "Pod", "spec": spec,
            "metadata": metadata.filter {
                ["generateName", "namespace", "labels", "annotations"].contains($0.key)
            },
        ]
        let name = try #require(metadata["name"] as? String)
        try await Lab.call("kubectl", "-n", "chatwoot", "delete", "pod", name, "--timeout=120s")
        let json = try JSONSerialization.data(withJSONObject: pod)
        try await Lab.call("kubectl", "create", "-f", "-", input: String(decoding: json, as: UTF8.self))
    }

    private static func injectedPods() async throws -> [[String: Any]] {
        try await Lab.objects("-n", "chatwoot", "pods", "-l", "component in (web,worker)").filter { pod in
            let spec = pod["spec"] as? [String: Any]
            let containers = spec?["containers"] as? [[String: Any]] ?? []
            return containers.contains { $0["name"] as? String == "istio-proxy" }
        }
    }

    private static func isAdopted(_ pod: [String: Any]) -> Bool {
        let owners = (pod["metadata"] as? [String: Any])?["ownerReferences"] as? [[String: Any]] ?? []
        return owners.contains { $0["kind"] as? String == "ReplicaSet" }
    }

    private static func isReady(_ pod: [String: Any]) -> Bool {
        let conditions = (pod["status"] as? [String: Any])?["conditions"] as? [[String: Any]] ?? []
        return conditions.contains { $0["type"] as? String == "Ready" && $0["status"] as? String == "True" }
    }
}
