import ClientKit
import Kubernetes
import StepKit

/// Sees to it that no Kubernetes node's UFW drops pod traffic, which showed as a 504 at the ingress while every pod was Ready.
///
/// Pod traffic is routed by the node, so that an input rule alone does nothing for it. Hosts outside Kubernetes are never
/// touched.
struct FixFirewall: PageAsker {
    let id: StepID = "fix_ufw_k8s_nodes"
    let summary = "UFW on the Kubernetes nodes lets pod traffic pass"

    func check(_ site: ReadableSite) async throws -> Finding {
        for node in site.absentNodes {
            site.reporter.warns(
                "the firewall of \(node.name) could not be looked at: \(node.failure.cause)",
                about: .absentNode(node.name))
        }
        let plans = try await plans(site)
        let changes = plans.flatMap { plan in plan.commands.map { Change("\(plan.node.name): \($0.words)", .proved) } }
        guard changes.isEmpty else { return .drifted(changes) }
        if site.inventory.firewall.policy == .leave, case let closed = try await site.nodesDroppingPodTraffic(),
            !closed.isEmpty
        {
            site.reporter.warns(
                "UFW is active on \(closed.joined(separator: ", ")) and drops routed traffic, which is what pod traffic is; "
                    + "the inventory's policy is to leave it")
        }
        try await requirePodsReachable(site)
        return .inPlace
    }

    func apply(_ changes: [Change], to site: WritableSite) async throws {
        let plans = try await plans(site.reading)
        _ = try await concurrently(plans, "set the firewall of the Kubernetes nodes") { plan in
            let node = WritableNode(plan.node)
            for command in plan.commands { try await node.run(command.arguments) }
        }
    }

    func verify(_ site: ReadableSite) async throws {
        let left = try await plans(site).filter { !$0.commands.isEmpty }
        guard left.isEmpty else {
            throw StepFailure(
                "prove the firewall's state", host: left.map(\.node.name).joined(separator: ", "),
                cause:
                    "ufw exited 0 and still reports: \(left.flatMap(\.commands).map(\.words).joined(separator: "; "))",
                remedy: "look for what else manages UFW on the host, and run the step again")
        }
        try await requirePodsReachable(site)
    }

    private struct Plan: Sendable {
        let node: ReadableNode
        let commands: [Command]
    }

    /// One UFW command and what it does.
    struct Command: Sendable, Hashable {
        let words: String
        let arguments: [String]
    }

    private func plans(_ site: ReadableSite) async throws -> [Plan] {
        let policy = site.inventory.firewall.policy
        let pods = site.inventory.cluster.podCIDR.description
        let nodes = site.inventory.cluster.nodeNetwork.description
        guard policy != .leave else { return [] }
        return try await site.onEveryNode("read the firewall of the Kubernetes nodes") { node in
            try await node.firewall()
        }.map { node, state in
            Plan(
                node: node,
                commands: state.map { Self.commands(for: policy, pods: pods, nodes: nodes, state: $0) } ?? [])
        }
    }

    /// The commands that bring a node in `state` to `policy`; none where it is there.
    static func commands(
        for policy: Inventory.Firewall.Policy, pods: String, nodes: String, state: FirewallState
    ) -> [Command] {
        switch policy {
        case .leave: []
        case .disabled:
            state.isActive
                ? [
                    Command(
                        words: "switch UFW off (it drops routed pod traffic)", arguments: ["ufw", "--force", "disable"])
                ]
                : []
        case .allowPodNetwork:
            allowPodNetwork(pods, nodes, state)
        }
    }

    private static func allowPodNetwork(_ pods: String, _ nodes: String, _ state: FirewallState) -> [Command] {
        var commands: [Command] = []
        if !state.isActive {
            commands.append(
                Command(
                    words: "allow input from the node network \(nodes), so that nobody is locked out",
                    arguments: ["ufw", "allow", "from", nodes]))
        }
        commands += opening("input from the pod network \(pods)", "IN", from: pods, in: state)
        commands += opening("routed traffic from the pod network \(pods)", "FWD", from: pods, in: state)
        commands += opening("routed traffic to the pod network \(pods)", "FWD", to: pods, in: state)
        // Only now: a node whose firewall comes up before its rules cuts the pods off for a moment. While UFW is off it lists
        // no rules, so that all of them are given again; UFW itself skips those it has.
        if !state.isActive {
            commands.append(Command(words: "switch UFW on, with these rules", arguments: ["ufw", "--force", "enable"]))
        }
        return commands
    }

    /// The commands that let traffic of one direction pass; none where it does.
    ///
    /// A rule that stops it and stands before ours wins, so ours is then put in front; UFW moves none that it has.
    private static func opening(
        _ traffic: String, _ direction: String, from: String = "Anywhere", to: String = "Anywhere",
        in state: FirewallState
    ) -> [Command] {
        let match = to == "Anywhere" ? ["from", from] : ["to", to]
        func ufw(_ arguments: String...) -> [String] {
            (direction == "FWD" ? ["ufw", "route"] : ["ufw"]) + arguments + match
        }
        let own = state.rule(direction, from: from, to: to)
        switch state.fate(direction, from: from, to: to) {
        case .allowed: return []
        case .undecided:
            if direction == "FWD", state.isActive, state.routedDefault == "allow" { return [] }
            return [Command(words: "allow \(traffic)", arguments: ufw("allow"))]
        case .stopped(let rule) where rule == own:
            // UFW turns it round where it stands, behind no other that stops all of this.
            return [Command(words: "allow \(traffic), which a rule denies", arguments: ufw("allow"))]
        case .stopped(let rule):
            let insert = Command(
                words: "put before \(rule.action) from \(rule.from) to \(rule.to): allow \(traffic)",
                arguments: ufw("insert", "1", "allow"))
            guard let verb = own?.action.split(separator: " ").first?.lowercased() else { return [insert] }
            return [
                Command(
                    words: "take out the rule that comes too late: \(verb) \(traffic)", arguments: ufw("delete", verb)),
                insert,
            ]
        }
    }

    /// Every pod that serves, by its own address.
    func probes(_ site: ReadableSite, from node: ReadableNode) async throws -> [HTTPProbe] {
        let pods = try await site.cluster.list(
            ["pods"], namespace: site.inventory.chatwoot.namespace, labels: ChatwootNames.selector("web"))
        return pods.filter(\.isReadyPod).compactMap { pod in
            pod["status", "podIP"]?.string.map { HTTPProbe(url: "http://\($0):\(ChatwootNames.port)/api") }
        }
    }

    /// Connects from every node's own network to every pod that serves; before any exists there is nothing to prove.
    private func requirePodsReachable(_ site: ReadableSite) async throws {
        let answers = try await site.onEveryNode("connect to the pods from every node") { node in
            try await node.fetch(try await probes(site, from: node), stopsAtFailure: true)
        }
        let cut = answers.flatMap { node, answers in
            answers.filter { !$0.didConnect }.map { "\(node.name) cannot reach \($0.probe.url): \($0.curlMessage)" }
        }
        guard !cut.isEmpty else { return }
        let closed = try await site.nodesDroppingPodTraffic()
        throw StepFailure(
            "connect to Chatwoot's pods from every node's own network",
            cause: cut.joined(separator: "; ")
                + (closed.isEmpty
                    ? ""
                    : "; UFW is active on \(closed.joined(separator: ", ")) and drops routed traffic, which is what pod "
                        + "traffic is (504 at the ingress)"),
            remedy: closed.isEmpty
                ? "no node's UFW drops pod traffic, so look at other firewalls between the nodes: iptables-save, the cloud's "
                    + "firewall, NetworkPolicies, Calico" : site.firewallRemedy)
    }
}

extension JSONValue {
    /// Whether a Pod object is ready and not on its way out.
    var isReadyPod: Bool {
        self["metadata", "deletionTimestamp"] == nil
            && (self["status", "conditions"]?.elements ?? []).contains {
                $0["type"]?.string == "Ready" && $0["status"]?.string == "True"
            }
    }
}
