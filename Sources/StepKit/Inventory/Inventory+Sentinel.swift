extension Inventory {
    /// The Sentinels that know which Redis server is the master.
    public struct Sentinel: Sendable, Hashable {
        /// The address of one of them.
        public struct Address: Sendable, Hashable, CustomStringConvertible {
            /// Its host's name or address.
            public let host: String
            /// Its TCP port.
            public let port: Int

            /// `10.0.0.11:26379`, `[fd00::11]:26379`.
            public var description: String { joined(host: host, port: port) }
        }

        /// The Sentinels, queried in order until one names a working master.
        public let addresses: [Address]
        /// The name under which they monitor the master.
        public let master: String
        /// Whether the pods query them too; otherwise the pods get only `redis.host`.
        public let isForPods: Bool

        init(_ reader: ObjectReader) {
            let port = reader.value("port", .port, default: 26379)
            addresses = reader.list("hosts", of: .sentinelAddress).map { Address(host: $0.host, port: $0.port ?? port) }
            master = reader.value("master", .sentinelMaster, default: "mymaster")
            isForPods = reader.value("pods", .flag, default: true)
        }
    }

    /// Reports Sentinels that are listed twice.
    func checkSentinel(_ session: ReadingSession) {
        guard let sentinel = redis.sentinel, session.areSound("redis", "redis.sentinel", "redis.sentinel.hosts") else {
            return
        }
        if Set(sentinel.addresses).count < sentinel.addresses.count {
            session.report("redis.sentinel.hosts", "list a Sentinel twice")
        }
    }
}

extension Inventory.RedisService {
    /// Its address, for people: `10.0.0.10:6379`, or the Sentinels' master.
    public var summary: String {
        guard let sentinel else { return joined(host: host, port: port) }
        let places = sentinel.addresses.map(\.description).joined(separator: ", ")
        return "the master \(sentinel.master) of the Sentinels \(places)"
    }
}

private func joined(host: String, port: Int) -> String {
    host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
}

extension Rule<(host: String, port: Int?)> {
    /// `host`, `host:port` or `[IPv6 address]:port`.
    static var sentinelAddress: Rule {
        .string(placeholder: ("", nil)) { (text) throws(Mistake) in
            let address = Rule<String>.address
            if IPAddress(text) != nil { return (text, nil) }
            var (host, port) = (Substring(text), Substring?.none)
            if let colon = text.lastIndex(of: ":") {
                (host, port) = (text[..<colon], text[text.index(after: colon)...])
            }
            if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
            guard let port else { return (try address.read(.string(String(host))), nil) }
            guard let number = Int(port), (1...65535).contains(number) else {
                throw Mistake("must be a host or host:port, not \(shown(text))")
            }
            return (try address.read(.string(String(host))), number)
        }
    }
}

extension Rule<String> {
    /// A name that Sentinel accepts for a master, and that needs no escaping in a URL.
    static var sentinelMaster: Rule {
        .string(placeholder: "") { (text) throws(Mistake) in
            guard text.wholeMatch(of: /[A-Za-z0-9._\-]+/) != nil else {
                throw Mistake("must be letters, digits, dots, hyphens and _, not \(shown(text))")
            }
            return text
        }
    }
}
