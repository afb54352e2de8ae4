import Foundation
import Kubernetes
import StepKit

/// What is known about one node's ingress while pods and Service are healthy, to find out why the
/// page fails there.
struct IngressFacts: Sendable {
    /// The node, which sends requests to its own ingress.
    let node: String
    /// The host name, class and Service that Chatwoot's Ingress should have.
    let domain: String
    let ingressClass: String
    /// Chatwoot's Ingress as it is in the cluster.
    let ingress: JSONValue?
    /// The Ingresses of all namespaces.
    let ingresses: [JSONValue]
    /// The names of the cluster's IngressClasses.
    let classes: [String]
    let controllers: [IngressController]
    /// The API server's time.
    let now: Date

    /// A cause, and what to do.
    struct Finding: Sendable, Hashable {
        /// The cause, as the end of a sentence about the symptom.
        let summary: String
        let remedy: Remedy
        /// Whether it resolves by itself within minutes.
        var passes = false
        /// Whether further waiting is pointless.
        var isFinal = false
    }

    /// The time that controllers need after a start to load their configuration, in seconds.
    static let youth: TimeInterval = 180

    /// The most specific cause of a bad answer that the facts show; `nil` if they show none.
    func cause(of answer: HTTPAnswer) -> Finding? {
        switch (answer.status, answer.curlCode) {
        case (_, 47): circle
        case (404, _): noIngress ?? wrongClass ?? wrongHost ?? young ?? missingClass ?? away
        case (200, 0): otherIngress
        case (0, 7): away ?? nothingListens
        case (502, _), (503, _), (504, _): wrongBackend ?? young ?? away
        case (0, _): young ?? away
        case (401, _), (403, _): restricted
        case (400, _): proxyProtocol
        default: nil
        }
    }

    private var deploy: Remedy { .run(from: DeployChatwoot.self) }

    private var circle: Finding {
        Finding(
            summary: ": FORCE_SSL or FRONTEND_URL does not match the TLS in front of it",
            remedy:
                "remove FORCE_SSL from chatwoot.environment, or set use-forwarded-headers: \"true\" in the ConfigMap of the "
                + "ingress controllers", isFinal: true)
    }

    private var noIngress: Finding? {
        ingress == nil
            ? Finding(
                summary: ": there is no Ingress \(ChatwootNames.ingress)", remedy: "\(deploy), which creates it",
                isFinal: true)
            : nil
    }

    private var wrongClass: Finding? {
        let found = ingress?["spec", "ingressClassName"]?.string ?? "none"
        guard found != ingressClass else { return nil }
        return Finding(
            summary: ": Ingress \(ChatwootNames.ingress) has class \(found), and \(ingressClass) serves the nodes",
            remedy: "\(deploy), which sets the class", isFinal: true)
    }

    private var wrongHost: Finding? {
        let hosts = (ingress?["spec", "rules"]?.elements ?? []).map { $0["host"]?.string ?? "*" }
        guard !hosts.contains(domain) else { return nil }
        return Finding(
            summary:
                ": Ingress \(ChatwootNames.ingress) has a rule for \(hosts.isEmpty ? "no host" : hosts.joined(separator: ", "))",
            remedy: "\(deploy), which sets the host", isFinal: true)
    }

    private var wrongBackend: Finding? {
        let paths = (ingress?["spec", "rules"]?.elements ?? []).filter { $0["host"]?.string == domain }
            .flatMap { $0["http", "paths"]?.elements ?? [] }
        let other = paths.compactMap { $0["backend", "service"] }.first { service in
            service["name"]?.string != ChatwootNames.service || service["port", "number"]?.integer != ChatwootNames.port
        }
        guard let other else { return nil }
        let port = other["port", "number"]?.integer.map(String.init) ?? other["port", "name"]?.string ?? "?"
        return Finding(
            summary:
                ": Ingress \(ChatwootNames.ingress) sends to Service \(other["name"]?.string ?? "?"), port \(port)",
            remedy: "\(deploy), which sets Service and port", isFinal: true)
    }

    private var missingClass: Finding? {
        guard !classes.isEmpty, !classes.contains(ingressClass) else { return nil }
        return Finding(
            summary: ": the cluster has no IngressClass \(ingressClass), only \(classes.joined(separator: ", "))",
            remedy: "install the ingress controller of that class, or set another one as chatwoot.ingressClass",
            isFinal: true)
    }

    /// The controllers on this node, or all if there are none on it: then they are reached some
    /// other way.
    private var own: [IngressController] {
        let here = controllers.filter { $0.node == node }
        return here.isEmpty ? controllers : here
    }

    private var young: Finding? {
        let starts = own.filter { $0.trouble == "not started" || $0.trouble == "ContainerCreating" }.map { _ in now }
        guard let youngest = (starts + own.compactMap(\.runsSince)).max(), now.timeIntervalSince(youngest) < Self.youth
        else { return nil }
        let time = youngest.formatted(.iso8601.time(includingFractionalSeconds: false))
        return Finding(
            summary: "; the ingress controllers restarted at \(time) UTC and have not loaded their configuration yet",
            remedy: "wait: it takes up to 3 minutes", passes: true)
    }

    /// A known controller that does not serve this node.
    private var away: Finding? {
        if let ill = own.first(where: { $0.trouble != nil }) {
            return Finding(
                summary: "; the ingress controller \(ill.namespace)/\(ill.name) is not serving: \(ill.trouble ?? "")",
                remedy: "read its log: kubectl -n \(ill.namespace) logs \(ill.name)")
        }
        guard !controllers.isEmpty, controllers.allSatisfy({ $0.node != node && $0.node != nil }) else { return nil }
        let places = Set(controllers.compactMap(\.node)).sorted().joined(separator: ", ")
        return Finding(
            summary: "; no ingress controller is running on \(node), only on \(places)",
            remedy: "find out why its DaemonSet has no pod on \(node): kubectl get daemonsets --all-namespaces")
    }

    private var nothingListens: Finding {
        Finding(
            summary: "; nothing listens on port 80 of \(node)",
            remedy: "check whether the ingress controller is running on \(node)")
    }

    /// Another Ingress with the same host.
    private var otherIngress: Finding? {
        let other = ingresses.first { other in
            let isOurs =
                other.isObject("Ingress", ChatwootNames.ingress)
                && other["metadata", "namespace"] == ingress?["metadata", "namespace"]
            return !isOurs && (other["spec", "rules"]?.elements ?? []).contains { $0["host"]?.string == domain }
        }
        guard let other else { return nil }
        let name = "\(other["metadata", "namespace"]?.string ?? "?")/\(other["metadata", "name"]?.string ?? "?")"
        return Finding(
            summary: ": Ingress \(name) also has the host \(domain)",
            remedy: "remove that host from Ingress \(name)", isFinal: true)
    }

    private var restricted: Finding? {
        let keys = (ingress?["metadata", "annotations"]?.strings ?? [:]).keys.filter {
            $0.contains("/auth-") || $0.contains("whitelist") || $0.contains("denylist")
        }.sorted()
        guard !keys.isEmpty else { return nil }
        return Finding(
            summary: "; Ingress \(ChatwootNames.ingress) has \(keys.joined(separator: ", "))",
            remedy: "remove these annotations from the Ingress, or allow the nodes' addresses")
    }

    private var proxyProtocol: Finding {
        Finding(
            summary: "; this is the answer of a controller that expects the PROXY protocol or TLS on port 80",
            remedy: "check use-proxy-protocol in the ConfigMap of the ingress controllers")
    }
}
