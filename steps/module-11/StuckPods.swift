import Kubernetes
import StepKit

/// The pods of web and worker that do nothing until the kubelet starts their container again, up to five minutes later.
///
/// What the container lacked may be back: its last failure says nothing of that.
struct StuckPods {
    private let site: SiteReader

    init(_ site: SiteReader) {
        self.site = site
    }

    func found() async throws -> [JSONValue] {
        try await site.cluster.list(
            ["pods"], namespace: site.inventory.chatwoot.namespace, labels: ["app": "chatwoot"]
        ).filter(\.isStuckPod)
    }

    /// Deletes them, each as it was seen: one that changed since may run by now, and is looked at again.
    func restart(on writable: SiteWriter) async throws {
        for _ in 0..<3 {
            var hasChanged = false
            for pod in try await found() {
                do throws(KubernetesError) {
                    try await writable.cluster.deleteUnchanged(pod)
                } catch {
                    guard [.conflict, .notFound].contains(error.serverReason) else { throw error }
                    hasChanged = true
                }
            }
            guard hasChanged else { return }
        }
    }
}

extension JSONValue {
    /// Whether this is a pod of web or worker that its ReplicaSet replaces, and nothing of Chatwoot runs in it.
    ///
    /// The kubelet waits where a container's image could not be pulled, and where the container ended. One that was
    /// injected may end while Chatwoot's own works, as on the jobs of a worker.
    var isStuckPod: Bool {
        guard isLivePod, (self["metadata", "ownerReferences"]?.elements ?? []).contains(where: \.isReplicaSetOfChatwoot)
        else { return false }
        let containers = self["status", "containerStatuses"]?.elements ?? []
        let own = containers.first { $0["name"] == self["metadata", "labels", "component"] }
        guard own?["state", "running"] == nil else { return false }
        return containers.contains { container in
            let reason = container["state", "waiting", "reason"]?.string ?? ""
            return ["ImagePullBackOff", "ErrImagePull", "CrashLoopBackOff"].contains(reason)
                || container["state", "terminated"] != nil
        }
    }

    private var isReplicaSetOfChatwoot: Bool {
        guard self["kind"]?.string == "ReplicaSet", self["controller"]?.bool == true, let name = self["name"]?.string
        else { return false }
        return [ChatwootNames.web, ChatwootNames.worker].contains { name.hasPrefix("\($0)-") }
    }
}
