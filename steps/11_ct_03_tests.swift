import ClientKit
import Kubernetes
import Redis
import StepKit

/// Proves that Chatwoot is served: from every node, through the Service and through the ingress, with its workers alive.
///
/// The old script printed errors and exited 0; here each failure is a failure, with its cause.
struct ProveService: PageAsker {
    let id: StepID = "11_ct_03_tests"
    let summary = "the page is served from every node, and the workers are alive"

    func check(_ site: ReadableSite) async throws -> Finding {
        Finding(
            changes: try await failures(site).map { Change("prove that \($0.claim); now \($0.found)", .unknowable) })
    }

    /// Nothing to change: what is missing comes about by itself, or verify says why not.
    func apply(_ changes: [Change], to site: WritableSite) async throws {}

    func verify(_ site: ReadableSite) async throws {
        let limit = site.inventory.limits.page
        var failures: [Failure] = []
        let isProved = try await poll(within: limit) { left in
            failures = try await self.failures(site)
            if let first = failures.first {
                site.reporter.says(
                    "waiting until \(first.claim), now \(first.found), \(left.components.seconds) s left")
            }
            return failures.isEmpty
        }
        guard isProved else {
            throw CombinedFailure(
                "prove that Chatwoot is served within \(limit.components.seconds) s",
                failures.map { failure in
                    StepFailure(
                        "prove that \(failure.claim)", host: failure.host, cause: failure.found, remedy: failure.remedy)
                })
        }
    }

    /// Something that must be true and is not.
    struct Failure: Sendable {
        let claim: String
        let host: String?
        let found: String
        let remedy: String
    }

    private func failures(_ site: ReadableSite) async throws -> [Failure] {
        let objects = try await site.cluster.list(
            ["deployments.apps", "pods", "services", "endpoints"], namespace: site.inventory.chatwoot.namespace)
        async let pages = pageFailures(site, objects)
        async let workers = workerFailures(site, objects)
        return try await workloadFailures(site, objects) + pages + workers
    }

    private func workloadFailures(_ site: ReadableSite, _ objects: [JSONValue]) -> [Failure] {
        let wanted = [
            (ChatwootNames.web, site.inventory.chatwoot.replicas.web),
            (ChatwootNames.worker, site.inventory.chatwoot.replicas.worker),
        ]
        var failures = wanted.compactMap { name, replicas -> Failure? in
            let deployment = objects.first { $0.isObject("Deployment", name) }
            let ready = deployment?["status", "availableReplicas"]?.integer ?? 0
            let isObserved = deployment?["status", "observedGeneration"] == deployment?["metadata", "generation"]
            guard ready != replicas || !isObserved else { return nil }
            return Failure(
                claim: "Deployment \(name) has \(replicas) of \(replicas) pods available", host: nil,
                found: deployment == nil ? "there is none" : "\(ready) are",
                remedy: "run from the step 11_ct_02_deploy_chatwoot, which names what keeps the pods")
        }
        let image = site.inventory.chatwoot.image.description
        for pod in objects where pod.isLivePod {
            let name = pod["metadata", "name"]?.string ?? "?"
            let images = (pod["spec", "containers"]?.elements ?? []).compactMap { $0["image"]?.string }
            if images != [image] {
                failures.append(
                    Failure(
                        claim: "pod \(name) runs \(image)", host: nil,
                        found: "it runs \(images.joined(separator: ", "))",
                        remedy: "run from the step 11_ct_02_deploy_chatwoot"))
            }
        }
        return failures
    }

    func probes(_ site: ReadableSite, from node: ReadableNode) async throws -> [HTTPProbe] {
        let services = try await site.cluster.list(["services"], namespace: site.inventory.chatwoot.namespace)
        let service = services.first { $0.isObject("Service", ChatwootNames.service) }
        return service?["spec", "clusterIP"]?.string.map { pages(site, of: $0, from: node) } ?? []
    }

    /// The page through the Service and through the node's own ingress.
    private func pages(_ site: ReadableSite, of clusterIP: String, from node: ReadableNode) -> [HTTPProbe] {
        let domain = site.inventory.chatwoot.domain
        return [
            HTTPProbe(url: "http://\(clusterIP):\(ChatwootNames.port)/api", hostHeader: domain),
            HTTPProbe(url: "http://\(domain)/api", connectTo: node.address),
            HTTPProbe(url: "http://\(domain)/", connectTo: node.address, followsRedirects: true),
        ]
    }

    private func pageFailures(_ site: ReadableSite, _ objects: [JSONValue]) async throws -> [Failure] {
        let service = objects.first { $0.isObject("Service", ChatwootNames.service) }
        let endpoints = objects.first { $0.isObject("Endpoints", ChatwootNames.service) }
        let addresses = (endpoints?["subsets"]?.elements ?? []).flatMap { $0["addresses"]?.elements ?? [] }
        let replicas = site.inventory.chatwoot.replicas.web
        guard let clusterIP = service?["spec", "clusterIP"]?.string, addresses.count == replicas else {
            return [
                Failure(
                    claim: "Service \(ChatwootNames.service) has \(replicas) endpoints", host: nil,
                    found: service == nil ? "there is no Service" : "it has \(addresses.count)",
                    remedy: "run from the step 11_ct_02_deploy_chatwoot, which names what keeps the pods")
            ]
        }
        let answers = try await site.onEveryNode("fetch Chatwoot's page from every node") { node in
            try await node.fetch(pages(site, of: clusterIP, from: node))
        }
        return answers.flatMap { node, answers in
            let judged = [PageJudge.api(answers[0]), PageJudge.api(answers[1]), PageJudge.page(answers[2])]
            let ways = ["the Service", "the ingress", "the ingress"]
            return zip(ways, judged).compactMap { way, problem in
                problem.map { problem in
                    Failure(
                        claim: "\(node.name) gets Chatwoot's \(problem.what) through \(way)", host: node.name,
                        found: problem.found, remedy: problem.remedy)
                }
            }
        }
    }

    /// Sidekiq writes a heartbeat of each of its processes, named after its pod, which expires a minute after the process died.
    private func workerFailures(_ site: ReadableSite, _ objects: [JSONValue]) async throws -> [Failure] {
        let redis = try await site.redis()
        var alive: Set<String> = []
        for process in try await redis.members(of: "processes") where try await redis.field("beat", of: process) != nil
        {
            alive.insert(String(process.prefix { $0 != ":" }))
        }
        let workers = objects.filter { $0.isLivePod && $0["metadata", "labels", "component"]?.string == "worker" }
        return workers.compactMap { $0["metadata", "name"]?.string }.filter { !alive.contains($0) }.map { pod in
            Failure(
                claim: "Sidekiq in pod \(pod) has a heartbeat in Redis", host: site.inventory.redis.host,
                found: "it has none",
                remedy: "read its log: kubectl -n \(site.inventory.chatwoot.namespace) logs \(pod)")
        }
    }
}

extension JSONValue {
    func isObject(_ kind: String, _ name: String) -> Bool {
        self["kind"]?.string == kind && self["metadata", "name"]?.string == name
    }

    /// Whether this is a web or worker Pod that is not on its way out.
    var isLivePod: Bool {
        self["kind"]?.string == "Pod" && self["metadata", "deletionTimestamp"] == nil
            && ["web", "worker"].contains(self["metadata", "labels", "component"]?.string)
    }
}
