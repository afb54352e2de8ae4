import ClientKit
import SSH

/// What can reach a node whose UFW is inactive, and what would apply once it is enabled.
public struct NodeExposure: Sendable, Hashable {
    /// A port on which a process accepts connections from other hosts.
    public struct Listener: Sendable, Hashable {
        /// The port.
        public let port: Traffic.Port
        /// The names of the processes; empty if the kernel itself listens.
        public let programs: [String]
    }

    struct Danger: Hashable {
        let cause: String
        let remedy: String
    }

    /// The node's port that the run's own session uses.
    public let sessionPort: Int?
    /// Every port that something listens on at an address other hosts can reach, in ascending
    /// order.
    public let listeners: [Listener]
    /// The rules that UFW has while it is inactive, including those for IPv6.
    public let rules: [FirewallState.Rule]
    /// Damage that UFW would do and that no rule can prevent.
    let danger: Danger?
    /// Whether UFW would allow outgoing traffic by default.
    public let sendsByDefault: Bool
    /// Whether UFW would drop forwarded traffic by default.
    public let dropsRoutedByDefault: Bool

    /// Reads the output of ``script``; `nil` for anything else.
    init?(_ text: String) {
        let parts = text.split(separator: "\n\(Self.mark)\n", omittingEmptySubsequences: false)
        guard parts.count == 5 else { return nil }
        let session = parts[0].split(separator: " ")
        sessionPort = session.count == 4 ? Int(session[3].trimmingSuffix(while: \.isWhitespace)) : nil
        listeners = Self.listeners(parts[1])
        rules = parts[2].split(separator: "\n").compactMap { FirewallState.Rule(ufwCommand: $0) }
        let settings = Self.settings(parts[3])
        sendsByDefault = settings["DEFAULT_OUTPUT_POLICY"] == "ACCEPT"
        dropsRoutedByDefault = settings["DEFAULT_FORWARD_POLICY"] != "ACCEPT"
        danger = Self.danger(settings, hasIPv6: parts[4].contains("inet6"))
    }

    private static func danger(_ settings: [Substring: Substring], hasIPv6: Bool) -> Danger? {
        if settings["MANAGE_BUILTINS"]?.lowercased() == "yes" {
            return Danger(
                cause:
                    "MANAGE_BUILTINS=yes in /etc/default/ufw makes UFW remove the rules of kube-proxy and of the pod network",
                remedy: "set MANAGE_BUILTINS=no there")
        }
        if hasIPv6, settings["IPV6"]?.lowercased() != "yes" {
            return Danger(
                cause: "IPV6 is off in /etc/default/ufw, so that UFW drops all of the node's IPv6 traffic",
                remedy: "set IPV6=yes there")
        }
        return nil
    }

    /// Reads `ss -Htulnp`: transport, state, two queues, local address, peer address, processes.
    private static func listeners(_ text: Substring) -> [Listener] {
        var programs: [Traffic.Port: Set<String>] = [:]
        for line in text.split(separator: "\n") {
            let columns = line.split(separator: " ", omittingEmptySubsequences: true)
            guard columns.count >= 5, ["tcp", "udp"].contains(columns[0]), let colon = columns[4].lastIndex(of: ":"),
                let number = Int(columns[4][columns[4].index(after: colon)...]), !isLoopback(columns[4][..<colon])
            else { continue }
            programs[Traffic.Port(number, over: String(columns[0])), default: []]
                .formUnion(line.matches(of: /\("([^"]+)",pid=/).map { String($0.1) })
        }
        return programs.sorted { $0.key < $1.key }.map { Listener(port: $0, programs: $1.sorted()) }
    }

    /// `127.0.0.53%lo`, `[::1]`, `[::ffff:127.0.0.1]`.
    private static func isLoopback(_ address: Substring) -> Bool {
        let bare = address.prefix { $0 != "%" }.filter { !"[]".contains($0) }
        return bare.hasPrefix("127.") || bare == "::1" || bare.hasPrefix("::ffff:127.") || address.hasSuffix("%lo")
    }

    private static func settings(_ text: Substring) -> [Substring: Substring] {
        let lines = text.split(separator: "\n").compactMap { $0.wholeMatch(of: /([A-Z0-9_]+)="?([^"]*)"?\s*/) }
        return Dictionary(lines.map { ($0.1, $0.2) }) { _, last in last }
    }

    static let mark = "-- keybuzz --"

    /// During an unconfirmed change, the state before it counts.
    static let script = #"""
        kept=$1 mark=$2
        printf '%s\n%s\n' "$SSH_CONNECTION" "$mark"
        ss -Htulnp || exit
        printf '\n%s\n' "$mark"
        if [ -d "$kept" ]; then cat "$kept/added"; else ufw show added; fi || exit
        printf '\n%s\n' "$mark"
        if [ -d "$kept" ]; then cat "$kept/default"; else cat /etc/default/ufw; fi || exit
        printf '\n%s\n' "$mark"
        ip -6 -o address show scope global 2>/dev/null || :
        """#
}

extension NodeReader {
    /// Reads what can reach this node, whose UFW is inactive, and what would apply once it is
    /// enabled.
    public func exposure() async throws -> NodeExposure {
        let attempt = "list what can reach the node before UFW is enabled"
        let result = try await shell.run(
            RemoteCommand(
                ["sh", "-c", NodeExposure.script, "sh", FirewallGuard.kept, NodeExposure.mark], for: attempt,
                effect: .read,
                environment: ["LC_ALL": "C"]))
        guard result.exitStatus == 0, let exposure = NodeExposure(result.outputText) else {
            throw StepFailure(
                attempt, host: name, cause: "exit status \(result.exitStatus): \(result.firstWords)",
                remedy: "run `ss -tulnp` and `ufw show added` on the host by hand, and fix what they report")
        }
        if let danger = exposure.danger {
            throw StepFailure(attempt, host: name, cause: danger.cause, remedy: danger.remedy)
        }
        return exposure
    }
}
