import ClientKit
import Kubernetes
import StepKit

/// What decides how many pods a Deployment of Chatwoot has, and how many it should have now.
struct Scaling {
    let inventory: Inventory
    /// Deployments and HorizontalPodAutoscalers of Chatwoot's namespace.
    let objects: [JSONValue]

    static let resources = ["deployments.apps", "horizontalpodautoscalers.autoscaling"]

    /// The number in the inventory, or that it leaves the number to others.
    func count(_ deployment: String) -> ChatwootSettings.ReplicaCount {
        let replicas = inventory.chatwoot.replicas
        return deployment == ChatwootNames.web ? replicas.web : replicas.worker
    }

    /// The desired number of pods: the inventory's, or if that leaves it to others, the
    /// Deployment's own.
    func wanted(_ deployment: String) -> Int {
        count(deployment).number ?? present(deployment) ?? 1
    }

    /// Why a Deployment deliberately has no pods; `nil` if it should have some, or if the inventory
    /// gives a number, which a run restores.
    func leftAtNone(_ deployment: String) -> (found: String, remedy: String)? {
        guard count(deployment) == .leave, present(deployment) == 0 else { return nil }
        let scaled = "Deployment \(deployment) is scaled to 0"
        guard let autoscaler = autoscaler(of: deployment), autoscaler["spec", "minReplicas"]?.integer == 0 else {
            return (
                "\(scaled), and the inventory leaves the number to others",
                "kubectl -n \(inventory.chatwoot.namespace) scale deployment/\(deployment) --replicas=2"
            )
        }
        return (
            "\(scaled) by \(Self.words(autoscaler)), whose minReplicas is 0",
            "raise minReplicas of that autoscaler if \(deployment) must always run"
        )
    }

    /// The autoscalers of Deployments whose number of pods is in the inventory: they and each run
    /// would undo each other's changes.
    var contradictions: [StepFailure] {
        [ChatwootNames.web, ChatwootNames.worker].compactMap { deployment in
            guard let number = count(deployment).number, let autoscaler = autoscaler(of: deployment) else { return nil }
            let key = deployment == ChatwootNames.web ? "web" : "worker"
            let name = autoscaler["metadata", "name"]?.string ?? ""
            return StepFailure(
                "keep Deployment \(deployment) at \(number) pods",
                cause:
                    "\(Self.words(autoscaler)) scales it between \(autoscaler["spec", "minReplicas"]?.integer ?? 1) and "
                    + "\(autoscaler["spec", "maxReplicas"]?.integer ?? 1) pods, and the inventory says \(number): "
                    + "each would undo the changes of the other",
                remedy: "write \"replicas\": { \"\(key)\": \"leave\" } under \"chatwoot\" into \(inventory.path), or "
                    + "delete the autoscaler: kubectl -n \(inventory.chatwoot.namespace) delete hpa \(name)",
                kind: .badInput)
        }
    }

    /// The number of pods before a reset stopped them, if a run has to restore it.
    func beforeReset(_ deployment: String) -> Int? {
        object(deployment)?["metadata", "annotations", ChatwootNames.replicasBefore]?.string.flatMap { Int($0) }
    }

    /// Whether a reset has scaled the Deployment to 0 and no manifest restores its number of pods.
    func isToBeBroughtBack(_ deployment: String) -> Bool {
        beforeReset(deployment) != nil && count(deployment) == .leave && present(deployment) == 0
    }

    /// The number of pods in the cluster's Deployment; `nil` if there is no such Deployment.
    func present(_ deployment: String) -> Int? {
        object(deployment).map { $0["spec", "replicas"]?.integer ?? 1 }
    }

    private func object(_ deployment: String) -> JSONValue? {
        objects.first { $0.isObject("Deployment", deployment) }
    }

    private func autoscaler(of deployment: String) -> JSONValue? {
        objects.first {
            $0["kind"]?.string == "HorizontalPodAutoscaler"
                && $0["spec", "scaleTargetRef", "kind"]?.string == "Deployment"
                && $0["spec", "scaleTargetRef", "name"]?.string == deployment
        }
    }

    /// `HorizontalPodAutoscaler chatwoot/worker of ScaledObject worker`.
    private static func words(_ autoscaler: JSONValue) -> String {
        let owner = autoscaler["metadata", "ownerReferences"]?.elements.first.map {
            " of \($0["kind"]?.string ?? "") \($0["name"]?.string ?? "")"
        }
        return "HorizontalPodAutoscaler \(autoscaler["metadata", "namespace"]?.string ?? "")/"
            + "\(autoscaler["metadata", "name"]?.string ?? "")\(owner ?? "")"
    }
}

extension Scaling {
    /// How Chatwoot's Deployments of the site's cluster are scaled.
    init(_ site: SiteReader) async throws {
        self.init(
            inventory: site.inventory,
            objects: try await site.cluster.list(Self.resources, namespace: site.inventory.chatwoot.namespace))
    }
}
