import Kubernetes
import StepKit

/// Deploys web and worker with Service, Ingress and disruption budgets, and watches the rollout to its end.
///
/// Comes after the migration, so that new code never meets an old schema.
struct DeployChatwoot: Step {
    let id: StepID = "11_ct_02_deploy_chatwoot"
    let summary = "Deployments, Service and Ingress, rolled out without a gap"

    func check(_ site: ReadableSite) async throws -> Finding {
        var changes = try await site.cluster.changes(towards: desired(site))
        if changes.isEmpty {
            let unfinished = try await site.cluster.unfinishedRollouts(deployments, namespace: site.inventory.chatwoot.namespace)
            changes = unfinished.map { Change("see the rollout of \($0) to its end", .predicted) }
        }
        return Finding(changes: changes)
    }

    func apply(_ changes: [Change], to site: WritableSite) async throws {
        try await site.cluster.apply(desired(site.reading))
    }

    func verify(_ site: ReadableSite) async throws {
        try await site.cluster.prove(desired(site))
        let reporter = site.reporter
        try await site.cluster.waitForRollouts(
            deployments, namespace: site.inventory.chatwoot.namespace, within: site.inventory.limits.rollout
        ) { reporter.says($0.words) }
    }

    private let deployments = [ChatwootNames.web, ChatwootNames.worker]

    private func desired(_ site: ReadableSite) async throws -> [any Manifest] {
        ChatwootDeployment(
            site: site, checksum: try await ChatwootEnvironment.present(site).checksum,
            server: try await site.serverVersion()
        ).manifests
    }
}
