extension FirewallState {
    /// A rule, as in the columns of UFW's table.
    public struct Rule: Sendable, Hashable {
        /// The destination column: `Anywhere`, `6443/tcp`, `10.233.64.0/18`, `Anywhere on cali+`.
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

        var verb: Substring { action.prefix { $0 != " " } }
        /// Whether the rule allows everything that it matches; `LIMIT` allows only some of it.
        public var allows: Bool { verb == "ALLOW" }
        var stops: Bool { verb == "DENY" || verb == "REJECT" }
        var direction: Substring { action.drop { $0 != " " }.dropFirst() }
        var destination: Side { Side(to) }
        var source: Side { Side(from) }
        /// Whether the rule is for IPv6.
        var isIPv6: Bool { destination.isIPv6 || source.isIPv6 }

        /// The incoming interface; UFW shows it with the source of forwarded traffic, otherwise
        /// with the destination.
        var entry: String? { direction == "FWD" ? source.interface : destination.interface }
        /// The outgoing interface.
        var exit: String? { direction == "FWD" ? destination.interface : source.interface }
    }

    /// One column of a rule, parsed: `10.0.0.0/16 5432/tcp (PostgreSQL) on eth0`.
    struct Side: Hashable {
        /// A network or address; `nil` for any.
        private(set) var network: String?
        /// Ports or an application profile; `nil` for any.
        private(set) var ports: String?
        /// `tcp`, `udp`; `nil` for any.
        private(set) var transport: String?
        private(set) var interface: String?
        private(set) var isIPv6 = false

        init(_ column: String) {
            var text = column[...]
            if let match = text.wholeMatch(of: /(.*) on (\S+)/) {
                interface = String(match.2)
                text = match.1
            }
            isIPv6 = text.contains("(v6)")
            text = text.replacing(/\s\(.*\)$/, with: "")[...]
            for word in text.split(separator: " ") { read(word) }
        }

        private mutating func read(_ word: Substring) {
            if word == "Anywhere" { return }
            if let network = Self.network(word) {
                self.network = String(word)
                isIPv6 = isIPv6 || network.network.bytes.count > 4
                return
            }
            guard let slash = word.lastIndex(of: "/") else {
                ports = [ports, String(word)].compactMap { $0 }.joined(separator: " ")
                return
            }
            transport = String(word[word.index(after: slash)...])
            let rest = word[..<slash]
            if Self.network(rest) != nil || rest == "Anywhere" { read(rest) } else { ports = String(rest) }
        }

        /// The network of `10.0.0.0/16` or `10.0.0.7`.
        static func network(_ text: some StringProtocol) -> CIDR? {
            if let network = CIDR(String(text)) { return network }
            return IPAddress(String(text)).flatMap { CIDR("\($0)/\($0.bytes.count * 8)") }
        }

        /// Whether `port` is among the ports; `nil` if they are given as an application profile.
        func has(_ port: Int) -> Bool? {
            guard let ports else { return true }
            var isAmong = false
            for part in ports.split(separator: ",") {
                let ends = part.split(separator: ":").map { Int($0) }
                guard let first = ends.first ?? nil, let last = ends.last ?? nil else { return nil }
                if (first...max(first, last)).contains(port) { isAmong = true }
            }
            return isAmong
        }
    }
}

extension FirewallState.Rule {
    /// Reads a line of `ufw status verbose` or `ufw status numbered`; `nil` for headings.
    ///
    /// The columns are padded, not delimited: after a long one, only a single space follows.
    init?(ufwLine line: some StringProtocol) {
        let pattern = /(?:\[ *\d+\] +)?(.+?) +((?:ALLOW|DENY|REJECT|LIMIT) (?:IN|OUT|FWD)) +(.+)/
        guard let match = String(line).wholeMatch(of: pattern) else { return nil }
        let from = match.3.replacing(/\s+# .*$/, with: "").replacing(/\s+\((?:log|log-all|out|, )+\) *$/, with: "")
        self.init(
            to: String(match.1), action: String(match.2), from: String(from.trimmingSuffix(while: \.isWhitespace)))
    }

    /// Reads a line of `ufw show added`, the command that would add the rule; `nil` for other
    /// lines.
    init?(ufwCommand line: some StringProtocol) {
        guard line.hasPrefix("ufw ") else { return nil }
        var words = String(line).replacing(/\scomment '.*$/, with: "").split(separator: " ").dropFirst()
        let isRouted = words.first == "route"
        if isRouted { words = words.dropFirst() }
        guard let verb = words.popFirst()?.uppercased(), ["ALLOW", "DENY", "REJECT", "LIMIT"].contains(verb) else {
            return nil
        }
        var parts = Parts()
        while let word = words.popFirst() { parts.read(word, &words) }
        let (to, from) = parts.columns(isRouted: isRouted)
        self.init(to: to, action: "\(verb) \(isRouted ? "FWD" : parts.isOut ? "OUT" : "IN")", from: from)
    }

    /// The parts of such a command.
    private struct Parts {
        var addresses: [Substring: Substring] = [:]
        var ports: [Substring: Substring] = [:]
        var interfaces: [Substring: Substring] = [:]
        var transport: Substring?
        var isOut = false
        private var side: Substring = "to"

        mutating func read(_ word: Substring, _ rest: inout ArraySlice<Substring>) {
            switch word {
            case "in", "out":
                if word == "out" { isOut = true }
                if rest.first == "on" { interfaces[word] = rest.dropFirst().first; rest = rest.dropFirst(2) }
            case "log", "log-all": break
            case "from", "to":
                side = word
                addresses[word] = rest.popFirst()
            case "port", "app": ports[side] = rest.popFirst()
            case "proto": transport = rest.popFirst()
            // The short form: a port with its protocol, or an application profile.
            default: ports["to"] = word
            }
        }

        func columns(isRouted: Bool) -> (to: String, from: String) {
            (
                column("to", on: interfaces[isRouted ? "out" : "in"]),
                column("from", on: interfaces[isRouted ? "in" : "out"])
            )
        }

        private func column(_ side: Substring, on interface: Substring?) -> String {
            var words: [String] = []
            if let address = addresses[side], address != "any" { words.append(String(address)) }
            if let port = ports[side] {
                words.append(String(port) + (port.contains("/") ? "" : suffix))
            } else if words.isEmpty {
                words.append("Anywhere" + (ports.isEmpty && isForAll ? suffix : ""))
            } else if ports.isEmpty {
                words[0] += suffix
            }
            return (words + (interface.map { ["on", String($0)] } ?? [])).joined(separator: " ")
        }

        private var isForAll: Bool { addresses.values.allSatisfy { $0 == "any" } }
        private var suffix: String { transport.map { "/\($0)" } ?? "" }
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
