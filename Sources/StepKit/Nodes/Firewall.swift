/// What `ufw status verbose` says of one host.
public struct FirewallState: Sendable, Hashable {
    /// Whether UFW filters at all.
    public let isActive: Bool
    /// The default for traffic that the host routes, which is what pod traffic is: `deny`, `allow`, `reject`, `disabled`.
    public let routedDefault: String
    /// The default for traffic to the host itself.
    public let incomingDefault: String
    /// The rules, as UFW lists them.
    public let rules: [Rule]

    /// One line of UFW's table.
    public struct Rule: Sendable, Hashable {
        /// The destination column: `Anywhere`, `6443/tcp`, `10.233.64.0/18`.
        public let to: String
        /// The action column: `ALLOW IN`, `ALLOW FWD`, `DENY IN`.
        public let action: String
        /// The source column.
        public let from: String

        /// Describes a rule; see the properties.
        public init(to: String, action: String, from: String) {
            self.to = to
            self.action = action
            self.from = from
        }
    }

    /// Reads the output of `LC_ALL=C ufw status verbose`, or returns `nil` where it is none.
    ///
    /// UFW has no machine-readable form; the column layout is that of UFW 0.36, unchanged since 2008.
    public init?(ufwStatus text: String) {
        var status: String?
        var defaults: [String: String] = [:]
        var rules: [Rule] = []
        for line in text.split(separator: "\n").map({ $0.trimmingSuffix(while: \.isWhitespace) }) {
            if line.hasPrefix("Status: ") {
                status = String(line.dropFirst("Status: ".count))
            } else if line.hasPrefix("Default: ") {
                for part in line.dropFirst("Default: ".count).split(separator: ",") {
                    let words = part.split(whereSeparator: { " ()".contains($0) })
                    if words.count == 2 { defaults[String(words[1])] = String(words[0]) }
                }
            } else if let rule = Rule(ufwLine: line) {
                rules.append(rule)
            }
        }
        guard let status, status == "active" || status == "inactive" else { return nil }
        self.isActive = status == "active"
        self.routedDefault = defaults["routed"] ?? "disabled"
        self.incomingDefault = defaults["incoming"] ?? "disabled"
        self.rules = rules
    }

    /// What becomes of traffic, as the first rule that is about all of it says.
    public enum Fate: Sendable, Hashable {
        /// A rule lets it pass.
        case allowed
        /// This rule stops it.
        case stopped(by: Rule)
        /// No rule is about all of it, so that the default decides, and rules for parts of it.
        case undecided
    }

    /// What becomes of everything that comes from `from` and goes to `to`, each a network or `Anywhere`.
    ///
    /// - Parameter direction: `IN` for traffic to the host itself, `FWD` for what it routes.
    public func fate(_ direction: String, from: String, to: String) -> Fate {
        for rule in rules where rule.covers(direction, from: from, to: to) {
            if rule.action.hasPrefix("ALLOW ") { return .allowed }
            if rule.action.hasPrefix("DENY ") || rule.action.hasPrefix("REJECT ") { return .stopped(by: rule) }
        }
        return .undecided
    }

    /// The rule for exactly this traffic, of which UFW keeps one.
    public func rule(_ direction: String, from: String, to: String) -> Rule? {
        rules.first { $0.action.hasSuffix(" \(direction)") && $0.from == from && $0.to == to }
    }
}

extension FirewallState.Rule {
    /// Whether the rule is about everything from `from` to `to`, and not for some ports or interfaces only.
    fileprivate func covers(_ direction: String, from: String, to: String) -> Bool {
        action.hasSuffix(" \(direction)") && Self.covers(self.from, from) && Self.covers(self.to, to)
    }

    private static func covers(_ column: String, _ wanted: String) -> Bool {
        if column == "Anywhere" || column == wanted { return true }
        guard let outer = CIDR(column), let inner = CIDR(wanted) else { return false }
        return outer.prefixLength <= inner.prefixLength && outer.contains(inner.network)
    }
}

extension FirewallState.Rule {
    /// Reads one line of the table: three columns, two or more blanks apart; headings and rules for IPv6 are none.
    init?(ufwLine line: some StringProtocol) {
        let columns = line.split(separator: "  ", omittingEmptySubsequences: true)
            .map { String($0.trimmingPrefix(while: \.isWhitespace)) }
            .filter { !$0.isEmpty }
        guard columns.count >= 3,
            columns[1].hasSuffix(" IN") || columns[1].hasSuffix(" FWD") || columns[1].hasSuffix(" OUT"),
            !columns[0].contains("(v6)")
        else { return nil }
        self.init(to: columns[0], action: columns[1], from: columns[2])
    }
}

extension StringProtocol {
    /// The string without the longest suffix whose characters satisfy `predicate`.
    func trimmingSuffix(while predicate: (Character) -> Bool) -> SubSequence {
        var end = endIndex
        while end > startIndex, predicate(self[index(before: end)]) { end = index(before: end) }
        return self[startIndex..<end]
    }
}
