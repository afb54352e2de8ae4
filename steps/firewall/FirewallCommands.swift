import StepKit

/// The UFW commands that bring a node to the inventory's policy.
struct FirewallCommands {
    /// One UFW command and what it does.
    struct Command: Sendable, Hashable {
        let summary: String
        let arguments: [String]
    }

    /// The networks of pods and of nodes.
    let pods: String
    let nodes: String
    /// How long a node waits for the confirmation of a change, for the plan's text.
    let gracePeriod: Duration

    /// The commands that bring a node from `state` to `policy`; none if it is there already.
    ///
    /// - Parameter exposure: what can reach the node, if UFW is off.
    func commands(
        for policy: Inventory.Firewall.Policy, in state: FirewallState, exposure: NodeExposure?
    ) -> [Command] {
        switch (policy, state.isActive) {
        case (.leave, _), (.disabled, false): []
        case (.disabled, true):
            [
                Command(
                    summary: "disable UFW (it drops forwarded pod traffic)", arguments: ["ufw", "--force", "disable"])
            ]
        case (.allowPodNetwork, true): podTraffic.flatMap { opening($0, in: state) }
        case (.allowPodNetwork, false): exposure.map(switchingOn) ?? []
        }
    }

    /// Traffic to allow, as text and as UFW's arguments.
    private struct Wanted {
        let summary: String
        let traffic: Traffic
        let match: [String]

        func ufw(_ arguments: String...) -> [String] {
            (traffic.direction == "FWD" ? ["ufw", "route"] : ["ufw"]) + arguments + match
        }
    }

    private var podTraffic: [Wanted] {
        [
            Wanted(
                summary: "allow input from the pod network \(pods)", traffic: .input(fromPods: pods),
                match: ["from", pods]),
            Wanted(
                summary: "allow forwarded traffic from the pod network \(pods)", traffic: .routed(fromPods: pods),
                match: ["from", pods]),
            Wanted(
                summary: "allow forwarded traffic to the pod network \(pods)", traffic: .routed(toPods: pods),
                match: ["to", pods]),
        ]
    }

    /// The commands that allow traffic on a node with active UFW; none if it is allowed already.
    ///
    /// An earlier rule that denies it wins, so ours is then inserted before it; UFW does not move
    /// existing rules.
    private func opening(_ wanted: Wanted, in state: FirewallState) -> [Command] {
        let own = state.rule(for: wanted.traffic)
        switch state.fate(of: wanted.traffic) {
        case .allowed: return []
        case .undecided:
            if wanted.traffic.direction == "FWD", state.routedDefault == "allow" { return [] }
            return [Command(summary: wanted.summary, arguments: wanted.ufw("allow"))]
        case .stopped(let rule) where rule == own:
            // UFW changes it in place, and no earlier rule denies all of this.
            return [Command(summary: "\(wanted.summary), which a rule denies", arguments: wanted.ufw("allow"))]
        case .stopped(let rule):
            return overtaking([rule], own: own, with: wanted, to: ["insert", "1"])
        }
    }

    /// The commands that enable UFW so that everything that can reach the node now still can.
    ///
    /// Rules that UFW has while it is inactive take effect with it; if one of them would deny
    /// anything, ours are inserted before it.
    private func switchingOn(_ exposure: NodeExposure) -> [Command] {
        let rules = exposure.rules
        let wanted = inputs(exposure) + sending(exposure) + podTraffic
        let openings = wanted.flatMap { wanted in
            let blocking = rules.filter { !$0.allows && $0.touches(wanted.traffic) }
            guard !blocking.isEmpty else { return [Command(summary: wanted.summary, arguments: wanted.ufw("allow"))] }
            return overtaking(
                blocking, own: rules.first { $0.isExactly(wanted.traffic) }, with: wanted, to: ["prepend"])
        }
        let routed = exposure.dropsRoutedByDefault ? "; it drops all other traffic that the node forwards" : ""
        let way =
            "the node restores the old state unless a new SSH session confirms it within \(gracePeriod.components.seconds) s"
        return openings + [
            Command(summary: "enable UFW, with these rules\(routed); \(way)", arguments: Self.switchOn)
        ]
    }

    private static let switchOn = ["ufw", "--force", "enable"]

    private func overtaking(
        _ blocking: [FirewallState.Rule], own: FirewallState.Rule?, with wanted: Wanted, to place: [String]
    ) -> [Command] {
        let rules = blocking.map { "\($0.action) from \($0.from) to \($0.to)" }.joined(separator: ", ")
        var put = wanted.ufw()
        put.insert(contentsOf: place + ["allow"], at: put.count - wanted.match.count)
        let insert = Command(summary: "insert before \(rules): \(wanted.summary)", arguments: put)
        guard let verb = own?.action.split(separator: " ").first?.lowercased() else { return [insert] }
        let late = wanted.summary.replacing(/^allow/, with: verb)
        return [
            Command(
                summary: "delete the rule that has no effect because of an earlier one: \(late)",
                arguments: wanted.ufw("delete", verb)),
            insert,
        ]
    }

    /// Incoming traffic, the run's own session first.
    private func inputs(_ exposure: NodeExposure) -> [Wanted] {
        let session = exposure.sessionPort.map { Traffic.Port($0, over: "tcp") }
        var ports = exposure.listeners.map { (port: $0.port, by: $0.programs.joined(separator: ", ")) }
        func take(_ port: Traffic.Port, or unknown: String) -> String {
            guard let index = ports.firstIndex(where: { $0.port == port }) else { return unknown }
            let by = ports.remove(at: index).by
            return by.isEmpty ? unknown : by
        }
        func open(_ port: Traffic.Port, by program: String) -> Wanted {
            Wanted(
                summary: "allow \(port) from everywhere, as now (\(program))", traffic: .input(to: port),
                match: ["\(port)"])
        }
        let own = session.map { [open($0, by: take($0, or: "sshd") + ", which this run uses")] } ?? []
        let pages = [80, 443].map { Traffic.Port($0, over: "tcp") }.map { open($0, by: take($0, or: "pages")) }
        let network = Wanted(
            summary: "allow input from the node network \(nodes), so that no connection is cut",
            traffic: .input(from: nodes),
            match: ["from", nodes])
        return own + [network] + pages + ports.map { open($0.port, by: $0.by.isEmpty ? "the kernel" : $0.by) }
    }

    private func sending(_ exposure: NodeExposure) -> [Wanted] {
        let isFree = exposure.sendsByDefault && !exposure.rules.contains { !$0.allows && $0.touches(.output) }
        return isFree
            ? []
            : [
                Wanted(
                    summary: "allow all outgoing traffic, as now", traffic: .output,
                    match: ["out", "from", "any", "to", "any"])
            ]
    }
}
