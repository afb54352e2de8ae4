import Foundation
import Kubernetes
import StepKit

/// The path of a request to Chatwoot, node by node: ingress → Service → pod → application →
/// database and Redis.
struct RequestPath: Sendable {
    let site: SiteReader
    /// Deployments, their autoscalers, pods, Services, endpoints and Ingresses of Chatwoot's
    /// namespace.
    let objects: [JSONValue]

    /// A fault on the path.
    struct Fault: Sendable, Hashable {
        /// What must be true, or what the ``nodes`` should get:
        /// `Chatwoot's page through the ingress`.
        let subject: String
        /// The nodes where it occurs; empty if it is not about nodes.
        var nodes: [String] = []
        /// What was found instead, or why.
        var found: String
        /// How to fix it.
        var remedy: String
        /// How long it must last before further waiting is pointless.
        var gracePeriod: Duration = .seconds(10)

        /// What must be true, as the end of a sentence.
        var claim: String {
            nodes.isEmpty ? subject : "\(nodes.joined(separator: ", ")) \(nodes.count == 1 ? "gets" : "get") \(subject)"
        }
    }

    static let resources =
        [
            "pods", "services", "endpoints", "ingresses.networking.k8s.io",
        ] + Scaling.resources

    init(_ site: SiteReader) async throws {
        self.site = site
        objects = try await site.cluster.list(Self.resources, namespace: site.inventory.chatwoot.namespace)
    }

    var service: JSONValue? { objects.first { $0.isObject("Service", ChatwootNames.service) } }
    var ingress: JSONValue? { objects.first { $0.isObject("Ingress", ChatwootNames.ingress) } }

    /// Who decides the number of pods, and the desired number.
    var scaling: Scaling { Scaling(inventory: site.inventory, objects: objects) }

    /// The addresses that the Service sends requests to.
    var endpoints: [String] {
        let object = objects.first { $0.isObject("Endpoints", ChatwootNames.service) }
        return (object?["subsets"]?.elements ?? []).flatMap { $0["addresses"]?.elements ?? [] }
            .compactMap { $0["ip"]?.string }
    }

    /// Probes of the page through the Service and through the node's own ingress.
    func probes(from node: NodeReader) -> [HTTPProbe] {
        guard let address = service?["spec", "clusterIP"]?.string else { return [] }
        let domain = site.inventory.chatwoot.domain
        return [
            HTTPProbe(url: "http://\(address):\(ChatwootNames.port)/api", hostHeader: domain, saysHTTPS: saysHTTPS),
            HTTPProbe(
                url: "http://\(domain)/api", connectTo: node.address, followsRedirects: true, saysHTTPS: saysHTTPS),
            HTTPProbe(
                url: "http://\(domain)/", connectTo: node.address, followsRedirects: true, saysHTTPS: saysHTTPS),
        ]
    }

    /// With FORCE_SSL Chatwoot only answers requests that claim to have come over HTTPS, and
    /// redirects others.
    private var saysHTTPS: Bool { site.inventory.chatwoot.forcesSSL }

    /// Whether a redirect to HTTPS is expected: FORCE_SSL is on, or the Ingress has TLS.
    private var mayRedirectToHTTPS: Bool {
        let annotations = ingress?["metadata", "annotations"]?.strings ?? [:]
        return saysHTTPS || ingress?["spec", "tls"] != nil
            || ["ssl-redirect", "force-ssl-redirect"].contains {
                annotations["nginx.ingress.kubernetes.io/\($0)"] == "true"
            }
    }

    /// The symptoms without their causes, which is cheap.
    func faults() async throws -> [Fault] {
        if let missing = missingEndpoints { return [missing] }
        return try await answers().compactMap { firstFault($0)?.told }
    }

    /// The faults, each with the first hop that fails and why, found by trying every hop.
    func explainedFaults() async throws -> [Fault] {
        if let missing = missingEndpoints { return [try await explainingEndpoints(missing)] }
        let answers = try await answers()
        let fault = answers.filter { firstFault($0) != nil }
        guard !fault.isEmpty else { return [] }
        let explanation = Explanation(path: self, worksElsewhere: fault.count < answers.count)
        return try await concurrently(fault, for: "find the broken hop") { answer in
            try await explanation.explain(answer)
        }.toldOnce()
    }

    /// The answers that a node got.
    struct Answer: Sendable {
        let node: NodeReader
        let answers: [HTTPAnswer]
    }

    private func answers() async throws -> [Answer] {
        let answers = try await site.onEveryNode("fetch Chatwoot's page from every node") { node in
            try await node.fetch(probes(from: node), stopsAtFailure: true)
        }.map { Answer(node: $0.node, answers: $0.answer) }
        let blind = answers.filter { $0.answers.contains(where: \.endsAtHTTPS) }.map(\.node.name)
        if mayRedirectToHTTPS, !blind.isEmpty {
            site.reporter.warns(
                "the ingress of \(blind.joined(separator: ", ")) redirects to https://\(site.inventory.chatwoot.domain), which "
                    + "these nodes do not serve, so the page behind it is not checked: a load balancer that terminates TLS and "
                    + "connects to port 80 redirects browsers in a loop unless the ingress controllers have use-forwarded-headers"
            )
        }
        return answers
    }

    private var missingEndpoints: Fault? {
        if let (found, remedy) = scaling.leftAtNone(ChatwootNames.web) {
            return Fault(
                subject: "Deployment \(ChatwootNames.web) has a pod that serves",
                found: "\(found), so the ingress answers 503",
                remedy: remedy, gracePeriod: .zero)
        }
        let replicas = scaling.wanted(ChatwootNames.web)
        guard service == nil || endpoints.count != replicas else { return nil }
        return Fault(
            subject: "Service \(ChatwootNames.service) has \(replicas) endpoints",
            found: service == nil ? "there is no Service" : "it has \(endpoints.count)",
            remedy: site.remedy("\(.run(from: DeployChatwoot.self)), which names what keeps the pods"))
    }

    /// The first bad answer of a node, in the order of ``probes(from:)``.
    func firstFault(_ answer: Answer) -> (index: Int, told: Fault)? {
        for (index, one) in answer.answers.enumerated() where index == 0 || !(one.endsAtHTTPS && mayRedirectToHTTPS) {
            let (way, problem) =
                switch index {
                case 0: ("the Service", PageJudge.api(one))
                case 1: ("the ingress", PageJudge.api(one))
                default: ("the ingress", PageJudge.page(one))
                }
            guard let problem else { continue }
            let told = Fault(
                subject: "Chatwoot's \(problem.what) through \(way)", nodes: [answer.node.name],
                found: problem.found, remedy: problem.remedy)
            return (index, told)
        }
        return nil
    }
}

extension [RequestPath.Fault] {
    /// The same faults, with those that have one cause on several nodes combined.
    func toldOnce() -> [RequestPath.Fault] {
        var told: [RequestPath.Fault] = []
        for one in self {
            let same = told.firstIndex {
                $0.subject == one.subject && $0.found == one.found && $0.remedy == one.remedy
            }
            if let same { told[same].nodes += one.nodes } else { told.append(one) }
        }
        return told
    }
}

extension JSONValue {
    func isObject(_ kind: String, _ name: String) -> Bool {
        self["kind"]?.string == kind && self["metadata", "name"]?.string == name
    }

    /// Whether a container of this Pod is running.
    var hasRunningContainer: Bool {
        (self["status", "containerStatuses"]?.elements ?? []).contains { $0["state", "running"] != nil }
    }

    /// Whether this is a web or worker Pod that runs or will run: neither terminating nor ended (as
    /// after an eviction).
    var isLivePod: Bool {
        self["kind"]?.string == "Pod" && self["metadata", "deletionTimestamp"] == nil && !isEndedPod
            && ["web", "worker"].contains(self["metadata", "labels", "component"]?.string)
    }
}
