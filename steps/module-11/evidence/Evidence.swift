import ClientKit
import Foundation
import Kubernetes
import StepKit

/// The present state of Chatwoot's namespace, its pods' logs, its page and the nodes' firewalls.
///
/// No Secret is read. What cannot be read is replaced by the reason.
@Sendable func gatherEvidence(_ site: SiteReader) async -> [Evidence] {
    async let pages = pagesEvidence(site)
    async let firewalls = firewallEvidence(site)
    let namespace = site.inventory.chatwoot.namespace
    let objects: [JSONValue]
    do {
        objects = try await site.cluster.list(
            [
                "deployments.apps", "replicasets.apps", "jobs.batch", "pods", "services", "endpoints",
                "ingresses.networking.k8s.io", "configmaps", "events", "nodes",
            ], namespace: namespace)
    } catch {
        return [Evidence("cluster-error.txt", "\(error)\n"), await pages, await firewalls]
    }
    func file(_ name: String, _ kinds: String...) -> Evidence {
        jsonEvidence(name, of: objects.filter { object in kinds.contains(object["kind"]?.string ?? "") })
    }
    return [
        file("pods.json", "Pod"), file("workloads.json", "Deployment", "ReplicaSet", "Job"),
        file("network.json", "Service", "Endpoints", "Ingress"), file("configuration.json", "ConfigMap"),
        file("nodes.json", "Node"), Evidence("events.txt", events(objects)),
    ] + (await logs(of: objects, on: site)) + [await pages, await firewalls]
}

private func jsonEvidence(_ name: String, of objects: [JSONValue]) -> Evidence {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    do {
        return Evidence(name, Array(try encoder.encode(objects)))
    } catch {
        return Evidence(name, "\(error)\n")
    }
}

/// One line per event, oldest first.
private func events(_ objects: [JSONValue]) -> String {
    objects.filter { $0["kind"]?.string == "Event" }.map { event in
        let about = "\(event["involvedObject", "kind"]?.string ?? "")/\(event["involvedObject", "name"]?.string ?? "")"
        let time =
            event["lastTimestamp"]?.string ?? event["eventTime"]?.string
            ?? event["metadata", "creationTimestamp"]?.string ?? ""
        return "\(time)  \(about)  \(event["reason"]?.string ?? "")  \(event["message"]?.string ?? "")"
    }.sorted().joined(separator: "\n") + "\n"
}

/// The end of every container's log, and of the previous one if it was restarted.
private func logs(of objects: [JSONValue], on site: SiteReader) async -> [Evidence] {
    var found: [Evidence] = []
    for pod in objects where pod["kind"]?.string == "Pod" {
        guard let name = pod["metadata", "name"]?.string else { continue }
        let containers = pod["status", "containerStatuses"]?.elements ?? []
        for container in containers {
            let restarts = container["restartCount"]?.integer ?? 0
            for isPrevious in restarts > 0 ? [false, true] : [false] {
                let text: String
                do {
                    text = try await site.cluster.logs(
                        pod: name, container: container["name"]?.string,
                        namespace: site.inventory.chatwoot.namespace, lines: 500, previous: isPrevious)
                } catch {
                    text = "\(error)\n"
                }
                let file = containers.count == 1 ? name : "\(name).\(container["name"]?.string ?? "")"
                found.append(Evidence("\(file)\(isPrevious ? ".previous" : "").log", text))
            }
        }
    }
    return found
}

/// The answers that each node gets through the Service and through its ingress, verbatim.
private func pagesEvidence(_ site: SiteReader) async -> Evidence {
    do {
        let path = try await RequestPath(site)
        let answers = try await site.onEveryNode("fetch Chatwoot's page from every node") { node in
            try await node.fetch(path.probes(from: node), stopsAtFailure: true)
        }
        let text = answers.flatMap { node, answers in
            answers.map { answer in
                let through = answer.probe.connectTo.map { " through \($0)" } ?? ""
                return "\(node.name)  \(answer.probe.url)\(through)  \(answer.summary)\n\(answer.body.prefix(8192))\n"
            }
        }
        return Evidence("pages.txt", text.isEmpty ? "there is no Service to ask\n" : text.joined(separator: "\n"))
    } catch {
        return Evidence("pages.txt", "\(error)\n")
    }
}

private func firewallEvidence(_ site: SiteReader) async -> Evidence {
    let texts = await site.firewalls().map { node, result in
        switch result {
        case .failure(let error): "\(error)\n"
        case .success(nil): "\(node.name): UFW is not installed\n"
        case .success(let state?):
            "\(node.name): \(state.isActive ? "active" : "inactive"), incoming \(state.incomingDefault), "
                + "routed \(state.routedDefault)"
                + (state.unconfirmedSince.map { ", before a change of \($0) that is not confirmed" } ?? "") + "\n"
                + state.rules.map { "    \($0.to)  \($0.action)  \($0.from)\n" }.joined()
        }
    }
    return Evidence("firewalls.txt", texts.joined())
}
