import ClientKit
import Foundation
import Kubernetes
import StepKit

extension RequestPath {
    /// Why the Service has too few endpoints: what is wrong with the pods.
    func explainingEndpoints(_ missing: Fault) async throws -> Fault {
        var explained = missing
        let namespace = site.inventory.chatwoot.namespace
        let deployment = objects.first { $0.isObject("Deployment", ChatwootNames.web) }
        if service != nil, let deployment {
            if scaling.leftAtNone(ChatwootNames.web) != nil { return explained }
            if deployment["spec", "replicas"]?.integer == 0 {
                explained.found += ", so the ingress answers 503: Deployment \(ChatwootNames.web) is scaled to 0"
                explained.remedy = site.remedy("\(.run(from: DeployChatwoot.self)), which scales it up again")
                explained.gracePeriod = .zero
                return explained
            }
            let verdict = try await site.cluster.verdicts(on: [.deployment(ChatwootNames.web)], namespace: namespace)
            if let problem = verdict.first?.problem {
                let whole = try await site.explained(problem)
                explained.found += ": \(whole.summary)"
                explained.remedy = whole.remedy
                explained.gracePeriod = whole.gracePeriod ?? missing.gracePeriod
            } else if let verdict = verdict.first {
                explained.found += "; Deployment \(ChatwootNames.web): \(verdict.summary)"
            }
        }
        return explained
    }

    /// Tries the hops behind the failed one, the innermost first.
    struct Explanation: Sendable {
        let path: RequestPath
        /// Whether another node gets the page, so that pods and application are healthy.
        let worksElsewhere: Bool

        private var site: SiteReader { path.site }

        func explain(_ answer: Answer) async throws -> Fault {
            guard let (index, told) = path.firstFault(answer) else {
                throw StepFailure(
                    "find the broken hop", host: answer.node.name, cause: "every hop works",
                    remedy: "report this")
            }
            var fault = told
            let pods = path.endpoints.map {
                HTTPProbe(
                    url: "http://\($0):\(ChatwootNames.port)/api", hostHeader: site.inventory.chatwoot.domain,
                    saysHTTPS: site.inventory.chatwoot.forcesSSL)
            }
            let direct = try await answer.node.fetch(pods, stopsAtFailure: true)
            if let cut = direct.first(where: { !$0.didConnect }) {
                try await explainCut(&fault, by: cut, from: answer.node)
            } else if let sick = direct.first(where: { PageJudge.api($0) != nil }) {
                try await explainApplication(&fault, by: sick)
            } else if index == 0 {
                fault.found +=
                    "; the pods themselves answer this node, so the path through the Service's address is broken"
                fault.remedy = "check whether kube-proxy is healthy on \(answer.node.name)"
            } else {
                try await explainIngress(
                    &fault, by: answer.answers[index], from: answer.node, isPage: index == 2)
            }
            return fault
        }

        /// Explains a pod that this node cannot connect to.
        private func explainCut(_ fault: inout Fault, by cut: HTTPAnswer, from node: NodeReader) async throws {
            let pod = path.pod(at: cut.probe)
            let name = pod?["metadata", "name"]?.string ?? cut.probe.url
            let place = pod?["spec", "nodeName"]?.string ?? "another node"
            let why = cut.curlCode == 28 ? "timed out" : cut.curlMessage
            fault.found = "cannot connect to pod \(name) on \(place): \(why)"
            let closed = await site.nodesDroppingPodTraffic()
            let guilty = closed.filter { $0 == node.name || $0 == place }
            if !guilty.isEmpty {
                fault.found +=
                    "; UFW is active on \(guilty.joined(separator: " and ")) and drops forwarded traffic, "
                    + "including pod traffic (504 at the ingress)"
                fault.remedy = site.firewallRemedy
                fault.gracePeriod = .zero
            } else {
                fault.remedy =
                    "check other firewalls between the nodes (iptables-save, the cloud's firewall), "
                    + "NetworkPolicies and Calico: no node's UFW drops pod traffic"
            }
        }

        /// Explains a pod that responds with an error.
        private func explainApplication(_ fault: inout Fault, by sick: HTTPAnswer) async throws {
            let problem = PageJudge.api(sick)
            let name = path.pod(at: sick.probe)?["metadata", "name"]?.string ?? sick.probe.url
            fault.found = "pod \(name) responds with an error: \(problem?.found ?? sick.summary)"
            fault.remedy = problem?.remedy ?? fault.remedy
            try await addLog(of: name, to: &fault)
        }

        /// Explains a failure with healthy pods and Service: the ingress itself, or a page that
        /// fails only through it.
        private func explainIngress(
            _ fault: inout Fault, by symptom: HTTPAnswer, from node: NodeReader, isPage: Bool
        ) async throws {
            if isPage && symptom.status == 502 || symptom.status == 500 {
                fault.found +=
                    "; the pods answer /api, and \(symptom.status == 502 ? "close the connection on" : "fail on") other pages"
                fault.gracePeriod = .seconds(5)
                if let pod = path.webPods.first { try await addLog(of: pod, to: &fault) }
            } else if let cause = try await path.ingressFacts(node).cause(of: symptom) {
                fault.found += cause.summary
                fault.remedy = site.remedy(cause.remedy)
                if cause.isFinal { fault.gracePeriod = .zero }
                if cause.passes { fault.gracePeriod = site.inventory.limits.page.duration }
            }
            if worksElsewhere { fault.found += "; other nodes can fetch it" }
        }

        private func addLog(of pod: String, to fault: inout Fault) async throws {
            let log: String
            do {
                // With a sidecar, the container must be named.
                log = try await site.cluster.logs(
                    pod: pod, container: "web", namespace: site.inventory.chatwoot.namespace, lines: 200)
            } catch {
                fault.found += "; its log cannot be read (\(error.cause))"
                return
            }
            let lines = log.split(whereSeparator: \.isNewline).map(String.init).filter {
                !$0.allSatisfy(\.isWhitespace)
            }
            if let cause = try await LogSymptom(lines)?.cause(.pods, site) {
                fault.found += "; \(cause.cause)"
                fault.remedy = cause.remedy
            }
            // Most of a serving pod's log is requests.
            let complaints = lines.filter { $0.contains("FATAL") || $0.contains("ERROR") || $0.contains("Error") }
            let last = (complaints.isEmpty ? lines : complaints).suffix(3).map { String($0.prefix(300)) }
            if !last.isEmpty { fault.found += "; its log says: " + last.joined(separator: " ⏎ ") }
        }
    }

    func pod(at probe: HTTPProbe) -> JSONValue? {
        objects.first { pod in
            // An ended pod still shows an address that another pod may have by now.
            pod["kind"]?.string == "Pod" && !pod.isEndedPod
                && pod["status", "podIP"]?.string.map { probe.url.hasPrefix("http://\($0):") } == true
        }
    }

    /// The web pods' names.
    var webPods: [String] {
        objects.filter { $0.isLivePod && $0["metadata", "labels", "component"]?.string == "web" }
            .compactMap { $0["metadata", "name"]?.string }
    }

    /// The facts about the path through the ingress of `node`.
    func ingressFacts(_ node: NodeReader) async throws -> IngressFacts {
        let all = try await site.cluster.list(
            ["pods", "ingressclasses.networking.k8s.io", "ingresses.networking.k8s.io"], namespace: nil)
        return IngressFacts(
            node: node.name, domain: site.inventory.chatwoot.domain, ingressClass: site.inventory.chatwoot.ingressClass,
            ingress: ingress, ingresses: all.filter { $0["kind"]?.string == "Ingress" },
            classes: all.filter { $0["kind"]?.string == "IngressClass" }.compactMap { $0["metadata", "name"]?.string },
            controllers: all.compactMap(IngressController.init), now: try await site.cluster.serverTime())
    }
}
