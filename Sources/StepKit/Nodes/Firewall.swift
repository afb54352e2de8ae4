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

    /// Whether a rule with this action lets everything pass from `from` to `to`.
    public func allows(_ action: String, from: String, to: String) -> Bool {
        rules.contains(Rule(to: to, action: action, from: from))
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
