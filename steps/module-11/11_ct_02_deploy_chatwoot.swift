import ClientKit
import Kubernetes
import StepKit

/// Deploys web and worker with Service, Ingress and disruption budgets, and waits for the rollout.
///
/// Comes after the migration, so that new code never meets an old schema.
struct DeployChatwoot: ObjectOwner, NamedStep {
    static let id: StepID = "11_ct_02_deploy_chatwoot"
    let summary = "Deployments, Service and Ingress, rolled out without downtime"

    func check(_ site: SiteReader) async throws -> Finding {
        var changes = try await site.changes(towards: desired(site))
        if try await site.chatwootSecrets().complete == nil {
            changes = changes.map { $0.withUnknownChecksum }
        }
        if changes.isEmpty {
            let verdicts = try await site.cluster.verdicts(
                on: deployments, namespace: site.inventory.chatwoot.namespace)
            changes = zip(names, verdicts).compactMap { name, verdict in
                if case .done = verdict { return nil }
                return Change(
                    "wait for the rollout of Deployment \(name), now \(verdict.summary)", .knownAfterApply, .run,
                    Self.subject(name, on: site))
            }
        }
        // Also beside other changes, which may leave these pods as they are.
        if try await !StuckPods(site).found().isEmpty {
            changes.append(Change("restart pods that the kubelet would try again only later", .knownAfterApply, .run))
        }
        let scaling = try await Scaling(site)
        changes += names.compactMap { name in
            guard let before = scaling.beforeReset(name) else { return nil }
            if scaling.isToBeBroughtBack(name) { return scaleUp(name, from: 0, to: before, on: site) }
            return Change(
                .remove, Self.subject(name, on: site), field: "metadata.annotations[\(ChatwootNames.replicasBefore)]",
                old: "\(before)", .predicted)
        }
        if site.options.isPlanningReset {
            changes += try await RunningPods(site).deployments().map {
                scaleUp($0, from: 0, to: scaling.wanted($0), on: site)
            }
        }
        return Finding(changes: changes)
    }

    private func scaleUp(_ name: String, from old: Int, to new: Int, on site: SiteReader) -> Change {
        Change(.change, Self.subject(name, on: site), field: "spec.replicas", old: "\(old)", new: "\(new)", .predicted)
    }

    func apply(_ changes: [Change], to site: SiteWriter) async throws {
        // Neither needs the other: the cluster is asked beside the database.
        async let objects = desired(site.reader)
        try await RunMigrations.requireMigrated(site.reader)
        try await site.apply(objects)
        try await bringBack(site)
        try await StuckPods(site.reader).restart(on: site)
        try await site.cluster.retryRefusedPods(
            of: [ChatwootNames.web, ChatwootNames.worker], namespace: site.reader.inventory.chatwoot.namespace)
    }

    func verify(_ site: SiteReader) async throws {
        try await site.prove(desired(site))
        try await site.wait(for: deployments, within: site.inventory.limits.rollout)
    }

    /// Restores the number of pods of Deployments that a reset scaled to 0, if the inventory gives
    /// none.
    private func bringBack(_ site: SiteWriter) async throws {
        let namespace = site.reader.inventory.chatwoot.namespace
        let scaling = try await Scaling(site.reader)
        for name in names {
            guard let before = scaling.beforeReset(name) else { continue }
            if scaling.isToBeBroughtBack(name) {
                try await site.cluster.scale([name], namespace: namespace, to: before)
            }
            try await site.cluster.annotate(
                deployment: name, namespace: namespace, key: ChatwootNames.replicasBefore, value: nil)
        }
    }

    private let names = [ChatwootNames.web, ChatwootNames.worker]
    private var deployments: [Workload] { names.map(Workload.deployment) }

    private static func subject(_ deployment: String, on site: SiteReader) -> Change.Subject {
        .object(kind: "Deployment", namespace: site.inventory.chatwoot.namespace, name: deployment)
    }

    func desired(_ site: SiteReader) async throws -> [any Manifest] {
        ChatwootDeployment(
            site: site, image: try await site.chatwootImage(),
            checksum: try await ChatwootEnvironment.present(site).checksum,
            server: try await site.serverVersion()
        ).manifests
    }
}

extension WaitOptions {
    /// A wait of at most `limit` that reports what it waits for, what it saw last and the time
    /// left.
    static func telling(_ reporter: Reporter, limit: TimeLimit, accepted: AcceptedPull?) -> WaitOptions {
        WaitOptions(limit: limit, accepted: accepted) { progress in
            let problem = progress.problem.map { "; \($0.summary)" } ?? ""
            reporter.says("\(progress.lastSeen)\(problem)", left: progress.left)
        }
    }
}

extension Change {
    /// The same change, without the value of a checksum: secrets that are not generated yet have
    /// none.
    fileprivate var withUnknownChecksum: Change {
        guard let subject, field == ChatwootNames.checksumField else { return self }
        return Change(
            "\(subject): \(ChatwootNames.checksumField): changed by the secrets that will be generated",
            .knownAfterApply,
            action, subject, field: field, old: old, startingPoint: startingPoint)
    }
}
