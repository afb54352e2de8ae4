/// Traffic that a firewall allows or blocks.
public struct Traffic: Sendable, Hashable {
    /// A TCP or UDP port.
    public struct Port: Sendable, Hashable, Comparable, CustomStringConvertible {
        /// The number.
        public let number: Int
        /// `tcp` or `udp`.
        public let transport: String

        /// Describes a port; see the properties.
        public init(_ number: Int, over transport: String) {
            self.number = number
            self.transport = transport
        }

        /// As UFW writes it: `22/tcp`.
        public var description: String { "\(number)/\(transport)" }

        /// By number, then by transport.
        public static func < (left: Port, right: Port) -> Bool {
            (left.number, left.transport) < (right.number, right.transport)
        }
    }

    /// `IN` for traffic to the host itself, `OUT` for what it sends, `FWD` for what it forwards.
    public let direction: String
    /// Where it comes from: a network, or `Anywhere`.
    public let from: String
    /// Where it goes to.
    public let to: String
    /// The destination port; `nil` for all ports and protocols.
    public let port: Port?
    private let ofPods: String?

    private init(
        _ direction: String, from: String = "Anywhere", to: String = "Anywhere", port: Port? = nil, pods: String? = nil
    ) {
        self.direction = direction
        self.from = from
        self.to = to
        self.port = port
        ofPods = pods
    }

    /// Traffic from the pods in the network `pods` to the host itself.
    public static func input(fromPods pods: String) -> Traffic { Traffic("IN", from: pods, pods: pods) }
    /// Traffic from hosts in the network `nodes` to the host itself.
    public static func input(from nodes: String) -> Traffic { Traffic("IN", from: nodes) }
    /// Traffic from anywhere to a port of the host.
    public static func input(to port: Port) -> Traffic { Traffic("IN", port: port) }
    /// Traffic from the host itself.
    public static let output = Traffic("OUT")
    /// Forwarded traffic from the host's pods in the network `pods`.
    public static func routed(fromPods pods: String) -> Traffic { Traffic("FWD", from: pods, pods: pods) }
    /// Forwarded traffic to the host's pods in the network `pods`.
    public static func routed(toPods pods: String) -> Traffic { Traffic("FWD", to: pods, pods: pods) }

    /// Whether a rule for traffic that enters through `interface` matches all of this.
    func enters(by interface: String?, _ links: [FirewallState.Link]) -> Bool {
        guard let interface else { return true }
        return ofPods.map { pods in from == pods && Self.isPods(interface, of: pods, among: links) } ?? false
    }

    /// Whether a rule for traffic that leaves through `interface` matches all of this.
    func leaves(by interface: String?, _ links: [FirewallState.Link]) -> Bool {
        guard let interface else { return true }
        return ofPods.map { pods in to == pods && Self.isPods(interface, of: pods, among: links) } ?? false
    }

    /// The prefixes of the interfaces that network plugins create for a host's own pods.
    private static let podInterfaces = [
        "cali", "cni", "cbr", "veth", "lxc", "kube-bridge", "weave", "azv", "eni", "gke", "nic", "antrea-gw",
        "ovn-k8s-mp",
    ]

    /// Whether `pattern`, in which a final `+` matches any ending, matches every interface that
    /// leads to pods in `pods`.
    ///
    /// On a host without pods, this is decided by the names that network plugins use.
    private static func isPods(_ pattern: String, of pods: String, among links: [FirewallState.Link]) -> Bool {
        let network = CIDR(pods)
        let interfaces = links.filter { link in
            guard let network, let linked = FirewallState.Side.network(link.network) else { return false }
            return network.contains(linked.network) && linked.prefixLength >= network.prefixLength
        }.map(\.interface)
        guard interfaces.isEmpty else { return interfaces.allSatisfy { names(pattern, interface: $0) } }
        return podInterfaces.contains { pattern.hasPrefix($0) }
    }

    private static func names(_ pattern: String, interface: String) -> Bool {
        pattern.hasSuffix("+") ? interface.hasPrefix(pattern.dropLast()) : interface == pattern
    }
}

extension FirewallState.Rule {
    /// Whether the rule matches all of `traffic`, not only some ports, addresses or interfaces.
    func covers(_ traffic: Traffic, among links: [FirewallState.Link]) -> Bool {
        direction == traffic.direction && !isIPv6
            && Self.covers(source.network, all: traffic.from) && Self.covers(destination.network, all: traffic.to)
            && traffic.enters(by: entry, links) && traffic.leaves(by: exit, links)
            && source.ports == nil && coversPort(of: traffic)
    }

    private func coversPort(of traffic: Traffic) -> Bool {
        guard let port = traffic.port else { return destination.ports == nil && transport == nil }
        return destination.has(port.number) == true && (transport == nil || transport == port.transport)
    }

    private var transport: String? { destination.transport ?? source.transport }

    private static func covers(_ network: String?, all wanted: String) -> Bool {
        guard let network else { return true }
        if network == wanted { return true }
        guard let outer = FirewallState.Side.network(network), let inner = FirewallState.Side.network(wanted) else {
            return false
        }
        return outer.prefixLength <= inner.prefixLength && outer.contains(inner.network)
    }

    /// Whether the rule matches at least some of `traffic`; true in case of doubt.
    public func touches(_ traffic: Traffic) -> Bool {
        guard direction == traffic.direction, Self.meets(source.network, anyOf: traffic.from),
            Self.meets(destination.network, anyOf: traffic.to)
        else { return false }
        guard let port = traffic.port else { return true }
        return destination.has(port.number) != false && (transport == nil || transport == port.transport)
    }

    private static func meets(_ network: String?, anyOf wanted: String) -> Bool {
        guard let network, let one = FirewallState.Side.network(network), let other = FirewallState.Side.network(wanted)
        else { return true }
        return one.overlaps(other)
    }

    /// Whether the rule matches `traffic` and nothing else.
    public func isExactly(_ traffic: Traffic) -> Bool {
        direction == traffic.direction && to == (traffic.port.map(\.description) ?? traffic.to) && from == traffic.from
    }
}
