import ClientKit
import SSH

/// The state of UFW on a host.
public struct FirewallState: Sendable, Hashable {
    /// Whether UFW is active.
    public let isActive: Bool
    /// The default for forwarded traffic, including pod traffic: `deny`, `allow`, `reject`,
    /// `disabled`.
    public let routedDefault: String
    /// The default for traffic to the host itself.
    public let incomingDefault: String
    /// The IPv4 rules, as UFW lists them.
    public let rules: [Rule]
    /// When an unconfirmed change was started, if there is one; this is then the state before it.
    public let unconfirmedSince: String?
    /// The networks and addresses that the host reaches without a router, with their interfaces.
    public let links: [Link]

    /// A route without a router.
    public struct Link: Sendable, Hashable {
        /// The network or address.
        public let network: String
        /// The interface.
        public let interface: String
    }

    /// Reads the output of `LC_ALL=C ufw status verbose`; `nil` for anything else.
    ///
    /// UFW has no machine-readable form; the column layout is that of UFW 0.36, unchanged since
    /// 2008. The other output that ``NodeReader/firewall()`` reads may precede or follow it.
    public init?(ufwStatus text: String) {
        var headings: [Substring: String] = [:]
        var defaults: [String: String] = [:]
        var rules: [Rule] = []
        var links: [Link] = []
        for line in text.split(separator: "\n").map({ $0.trimmingSuffix(while: \.isWhitespace) }) {
            if line.hasPrefix("Default: ") {
                for part in line.dropFirst("Default: ".count).split(separator: ",") {
                    let words = part.split(whereSeparator: { " ()".contains($0) })
                    if words.count == 2 { defaults[String(words[1])] = String(words[0]) }
                }
            } else if let match = line.wholeMatch(of: /Link: (\S+) (\S+)/) {
                links.append(Link(network: String(match.1), interface: String(match.2)))
            } else if let match = line.wholeMatch(of: /(Status|Unconfirmed): (.*)/) {
                headings[match.1] = String(match.2)
            } else if let rule = Rule(ufwLine: line), !rule.isIPv6 {
                rules.append(rule)
            }
        }
        guard let status = headings["Status"], status == "active" || status == "inactive" else { return nil }
        self.isActive = status == "active"
        self.routedDefault = defaults["routed"] ?? "disabled"
        self.incomingDefault = defaults["incoming"] ?? "disabled"
        self.rules = rules
        self.unconfirmedSince = headings["Unconfirmed"]
        self.links = links
    }

    /// What happens to traffic, according to the first rule that matches all of it.
    public enum Fate: Sendable, Hashable {
        /// A rule allows it.
        case allowed
        /// This rule blocks it.
        case stopped(by: Rule)
        /// No rule matches all of it: the default applies, and rules for parts of it.
        case undecided
    }

    /// What happens to `traffic`.
    public func fate(of traffic: Traffic) -> Fate {
        for rule in rules where rule.covers(traffic, among: links) {
            if rule.allows { return .allowed }
            if rule.stops { return .stopped(by: rule) }
        }
        return .undecided
    }

    /// The rule for exactly this traffic on any interface; UFW keeps only one.
    public func rule(for traffic: Traffic) -> Rule? {
        rules.first { $0.isExactly(traffic) }
    }

    /// Whether UFW drops forwarded traffic from or to the pods in the network `pods`.
    public func dropsRoutedTraffic(of pods: String) -> Bool {
        guard isActive else { return false }
        return [Traffic.routed(fromPods: pods), .routed(toPods: pods)].contains { traffic in
            switch fate(of: traffic) {
            case .allowed: false
            case .stopped: true
            case .undecided: routedDefault != "allow"
            }
        }
    }
}

extension FirewallState {
    /// The exit status of ``reading`` if UFW is not installed.
    static let notInstalled: Int32 = 127
    /// The exit status of ``reading`` if the account may not read UFW's state.
    static let notAllowed: Int32 = 77

    /// Reads UFW's state, without changing anything.
    static let reading = RemoteCommand(
        ["sh", "-c", readingScript], for: "read the firewall's state", effect: .read, environment: ["LC_ALL": "C"])

    /// During an unconfirmed change, the state before it counts: the node will restore it.
    ///
    /// Every failure of UFW has the status 1: a UFW whose interpreter is missing ends with 127 itself.
    static let readingScript = #"""
        command -v ufw >/dev/null 2>&1 || exit 127
        [ "$(id -u)" = 0 ] || exit 77
        kept=\#(FirewallGuard.kept)
        if [ -d "$kept" ]; then
            printf 'Unconfirmed: %s\n' "$(cat "$kept/since")" && cat "$kept/status" || exit 1
        else
            ufw status verbose || exit 1
        fi
        ip -o -4 route show 2>/dev/null | sed -n '/ via /d; s/^\([0-9][0-9./]*\) dev \([^ ]*\).*/Link: \1 \2/p'
        """#
}
