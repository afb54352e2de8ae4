import ClientKit
import Kubernetes
import StepKit

/// Ensures that UFW on the Kubernetes nodes allows pod traffic; when it dropped that traffic, the
/// ingress answered 504 although every pod was Ready.
///
/// Pod traffic is forwarded by the node, so an input rule alone has no effect on it. Hosts outside
/// Kubernetes are never touched. What can reach a node can still reach it afterwards: the node
/// undoes a change of its rules unless the run confirms it over a new session, and the other nodes
/// wait until the first node's change is verified.
struct FixFirewall: PageAsker, NamedStep {
    static let id: StepID = "fix_ufw_k8s_nodes"
    let summary = "UFW on the Kubernetes nodes allows pod traffic"

    func check(_ site: SiteReader) async throws -> Finding {
        for node in site.absentNodes {
            site.reporter.warns(
                "the firewall of \(node.name) could not be inspected: \(node.failure.cause)",
                about: .absentNode(node.name))
        }
        let changes = try await plans(site).flatMap(\.changes)
        guard changes.isEmpty else { return .drifted(changes) }
        if site.inventory.firewall.policy == .leave, case let closed = await site.nodesDroppingPodTraffic(),
            !closed.isEmpty
        {
            site.reporter.warns(
                "UFW is active on \(closed.joined(separator: ", ")) and drops forwarded traffic, including pod traffic; "
                    + "the policy in the inventory is to leave it")
        }
        try await requirePodsReachable(site)
        return .inPlace
    }

    func apply(_ changes: [Change], to site: SiteWriter) async throws {
        let plans = try await plans(site.reader)
        _ = try await concurrently(plans.filter { !$0.isGuarded }, for: "set the firewall of the Kubernetes nodes") {
            plan in
            let node = NodeWriter(plan.node)
            if plan.unconfirmedSince != nil { try await node.settleFirewall(within: Self.limits(site.reader)) }
            for command in plan.commands { try await node.run(command.arguments, for: command.summary) }
        }
        try await applyGuarded(plans.filter(\.isGuarded), on: site.reader)
    }

    func verify(_ site: SiteReader) async throws {
        let left = try await plans(site).filter { !$0.changes.isEmpty }
        guard left.isEmpty else {
            throw StepFailure(
                "verify the firewall's state", host: left.map(\.node.name).joined(separator: ", "),
                cause: "ufw exited with 0, but this is still missing: "
                    + left.flatMap(\.changes).map(\.summary).joined(separator: "; "),
                remedy: Self.remedyForAnotherHand)
        }
        try await requirePodsReachable(site)
    }

    /// Something else has changed UFW since this step set or read it.
    private static let remedyForAnotherHand =
        "find out what else manages UFW on the host: ansible, cloud-init, a script at boot"

    /// One node first, on which the run does not depend; the others once that one is verified.
    private func applyGuarded(_ plans: [Plan], on site: SiteReader) async throws {
        guard let first = plans.first(where: { $0.node.name != site.master.name }) ?? plans.first else { return }
        let before = try await reachedPods(site)
        site.reporter.says("changing UFW of \(first.node.name) before the others")
        try await change(first, keeping: before, on: site)
        let others = plans.filter { $0.node.name != first.node.name }
        _ = try await concurrently(others, for: "set the firewall of the Kubernetes nodes") { plan in
            try await change(plan, keeping: before, on: site)
        }
    }

    /// Changes one node; if a pod that could be reached before no longer can be, the node is
    /// restored.
    private func change(_ plan: Plan, keeping before: Set<PodWay>, on site: SiteReader) async throws {
        try await NodeWriter(plan.node).changeFirewall(
            plan.commands.map(\.arguments), within: Self.limits(site), undoneAfter: Self.gracePeriod(site)
        ) {
            var lost: Set<PodWay> = []
            let isKept = try await poll(within: site.inventory.limits.connect.duration) { _ in
                lost = before.subtracting(try await reachedPods(site))
                return lost.isEmpty
            }
            guard !isKept else { return }
            throw StepFailure(
                "connect to the pods as before",
                cause: lost.map { "\($0.node) can no longer reach \($0.url)" }.sorted().joined(separator: "; "),
                remedy: "check /etc/ufw/before.rules and /etc/ufw/after.rules for rules that UFW does not list")
        }
    }

    /// How long a node waits for the confirmation: enough for a new session, the connections to the
    /// pods, and a slow node.
    ///
    /// The minute is no limit of the inventory: one that was raised for something else must not lengthen the time for
    /// which a node may lock everybody out, and one that was lowered must not undo every change.
    private static func gracePeriod(_ site: SiteReader) -> Duration {
        let limits = site.inventory.limits
        return limits.connect.duration * 2 + .seconds(60)
    }

    private static func limits(_ site: SiteReader) -> FirewallLimits {
        FirewallLimits(lock: site.inventory.limits.lock, command: site.inventory.limits.command)
    }

    /// The commands for one node.
    private struct Plan: Sendable {
        let node: NodeReader
        /// When an unconfirmed change was started.
        let unconfirmedSince: String?
        let commands: [FirewallCommands.Command]
        /// Whether the node undoes the change unless it is confirmed; disabling UFW cannot lock
        /// anyone out.
        let isGuarded: Bool

        var changes: [Change] {
            let settling = unconfirmedSince.map { time in
                Change(
                    "\(node.name): restore UFW to its state before the change of \(time), which no run has confirmed",
                    .knownAfterApply, .change, .node(name: node.name), field: "unconfirmed change of UFW")
            }
            return [settling].compactMap { $0 }
                + commands.map { command in
                    Change(
                        "\(node.name): \(command.summary)", .predicted, .change, .node(name: node.name),
                        field: command.arguments.joined(separator: " "))
                }
        }
    }

    private func plans(_ site: SiteReader) async throws -> [Plan] {
        let policy = site.inventory.firewall.policy
        let cluster = site.inventory.cluster
        let commands = FirewallCommands(
            pods: "\(cluster.podCIDR)", nodes: "\(cluster.nodeNetwork)", gracePeriod: Self.gracePeriod(site))
        let states = await site.firewalls()
        return try await concurrently(states, for: "read the firewall of the Kubernetes nodes") { node, result in
            // If UFW is left alone, its state does not matter.
            if policy == .leave, case .failure = result { return nil }
            guard let state = try result.get() else { return nil }
            let isToBeOn = policy == .allowPodNetwork && !state.isActive
            let wanted = commands.commands(for: policy, in: state, exposure: isToBeOn ? try await node.exposure() : nil)
            return Plan(
                node: node, unconfirmedSince: state.unconfirmedSince, commands: wanted,
                isGuarded: policy == .allowPodNetwork && !wanted.isEmpty)
        }.compactMap { $0 }
    }

    /// Every serving pod, by its own address.
    func probes(_ site: SiteReader, from node: NodeReader) async throws -> [HTTPProbe] {
        guard let endpoint = site.application.endpoint else { return [] }
        let pods = try await site.cluster.list(
            ["pods"], namespace: site.application.namespace, labels: endpoint.labels)
        return pods.filter(\.isReadyPod).compactMap { pod in
            pod["status", "podIP"]?.string.map {
                HTTPProbe(url: "http://\($0):\(endpoint.port)\(endpoint.path)")
            }
        }
    }

    private struct PodWay: Hashable {
        let node: String
        let url: String
    }

    /// The pods that each node can reach.
    private func reachedPods(_ site: SiteReader) async throws -> Set<PodWay> {
        let answers = try await site.onEveryNode("connect to the pods from every node") { node in
            try await node.fetch(try await probes(site, from: node))
        }
        return Set(
            answers.flatMap { node, answers in
                answers.filter(\.didConnect).map { PodWay(node: node.name, url: $0.probe.url) }
            })
    }

    /// Connects from every node to every ready pod; without pods there is nothing to verify.
    private func requirePodsReachable(_ site: SiteReader) async throws {
        let answers = try await site.onEveryNode("connect to the pods from every node") { node in
            try await node.fetch(try await probes(site, from: node), stopsAtFailure: true)
        }
        let cut = answers.flatMap { node, answers in
            answers.filter { !$0.didConnect }.map { "\(node.name) cannot reach \($0.probe.url): \($0.curlMessage)" }
        }
        guard !cut.isEmpty else { return }
        let closed = await site.nodesDroppingPodTraffic()
        throw StepFailure(
            "connect to the pods from every node's own network",
            cause: cut.joined(separator: "; ")
                + (closed.isEmpty
                    ? ""
                    : "; UFW is active on \(closed.joined(separator: ", ")) and drops forwarded traffic, "
                        + "including pod traffic (504 at the ingress)"),
            remedy: closed.isEmpty
                ? "check other firewalls between the nodes (iptables-save, the cloud's firewall, NetworkPolicies, Calico): "
                    + "no node's UFW drops pod traffic" : site.leftFirewallRemedy ?? Self.remedyForAnotherHand)
    }
}

extension JSONValue {
    /// Whether a Pod object is ready and not terminating.
    var isReadyPod: Bool {
        self["metadata", "deletionTimestamp"] == nil
            && (self["status", "conditions"]?.elements ?? []).contains {
                $0["type"]?.string == "Ready" && $0["status"]?.string == "True"
            }
    }
}

extension SiteReader {
    /// UFW's state on every node that responds, `nil` if it is not installed, or why it could not
    /// be read.
    func firewalls() async -> [(node: NodeReader, state: Result<FirewallState?, any Error>)] {
        let nodes = nodes
        return Array(zip(nodes, await results(of: nodes) { try await $0.firewall() }))
    }

    /// The nodes whose UFW drops traffic from or to pods; warns about nodes where that cannot be
    /// read.
    func nodesDroppingPodTraffic() async -> [String] {
        let pods = inventory.cluster.podCIDR.description
        return await firewalls().filter { node, result in
            switch result {
            case .success(let state): return state?.dropsRoutedTraffic(of: pods) == true
            case .failure(let error):
                let cause = (error as? any ExplainedError)?.cause ?? "\(error)"
                reporter.warns("the firewall of \(node.name) could not be inspected: \(cause)")
                return false
            }
        }.map(\.node.name)
    }
}
