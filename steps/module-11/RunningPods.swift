import ClientKit
import Kubernetes
import StepKit

/// Chatwoot's pods, which must be gone before its database can be renamed.
struct RunningPods {
    private let site: SiteReader
    private var namespace: String { site.inventory.chatwoot.namespace }

    init(_ site: SiteReader) {
        self.site = site
    }

    /// The Deployments with replicas.
    func deployments() async throws -> [String] {
        let references = [ChatwootNames.web, ChatwootNames.worker].map {
            ObjectReference(apiVersion: "apps/v1", kind: "Deployment", namespace: namespace, name: $0)
        }
        return try await site.cluster.get(references).compactMap { object in
            // Without a number there is one pod.
            object["spec", "replicas"]?.integer == 0 ? nil : object["metadata", "name"]?.string
        }
    }

    /// Scales the Deployments to 0 and waits until no pod that could use the database is left.
    func stop(on writable: SiteWriter) async throws {
        let names = try await deployments()
        let scaling = try await Scaling(site)
        // If the inventory gives a number, the deployment step restores it.
        for name in names where scaling.count(name) == .leave {
            try await writable.cluster.annotate(
                deployment: name, namespace: namespace, key: ChatwootNames.replicasBefore,
                value: "\(scaling.wanted(name))")
        }
        try await writable.cluster.scale(names, namespace: namespace, to: 0)
        var left: [String] = []
        let limit = site.inventory.limits.rollout
        let isStill = try await poll(within: limit.duration) { remaining in
            left = try await alive()
            if !left.isEmpty {
                site.reporter.says("waiting for \(left.joined(separator: ", ")) to terminate", left: remaining)
            }
            return left.isEmpty
        }
        guard isStill else {
            throw StepFailure(
                "stop Chatwoot's pods", host: site.cluster.hostName,
                cause: "still there after \(limit.inWords): " + left.joined(separator: ", "),
                remedy: site.remedy(
                    "find out what prevents them from terminating: "
                        + "kubectl -n \(namespace) describe pod \(left.first ?? ""); then \(.resume)"))
        }
    }

    private func alive() async throws -> [String] {
        try await site.cluster.list(["pods"], namespace: namespace, labels: ["app": "chatwoot"])
            .filter { !$0.isEndedPod }.compactMap { $0["metadata", "name"]?.string }
    }
}
