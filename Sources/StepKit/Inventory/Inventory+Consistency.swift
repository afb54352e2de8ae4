extension Inventory {
    /// Reports values that contradict each other; values already reported on their own are left
    /// out.
    func checkTogether(_ session: ReadingSession) {
        checkHosts(session)
        checkNetworks(session)
        checkServices(session)
        checkLimits(session)
        for section in sections { section.check(against: self, session) }
    }

    private func checkHosts(_ session: ReadingSession) {
        if masters.isEmpty, session.isSound("hosts"), !hosts.isEmpty {
            session.report("hosts", "include no master: give at least one host the role \"master\"")
        }
        if backup != nil, session.areSound("hosts", "backup.host"), backupHost == nil {
            session.report("backup.host", "is not one of the hosts: \(hosts.map(\.name).joined(separator: ", "))")
        }
        reportRepeated("name", hosts.map(\.name), session)
        reportRepeated("address", hosts.map { IPAddress($0.address).map { "\($0.bytes)" } ?? $0.address }, session)
        checkJumpHosts(session)
    }

    /// Checks that every jump host is a host of the inventory, and that no path through them is a
    /// loop.
    private func checkJumpHosts(_ session: ReadingSession) {
        let names = hosts.map(\.name).filter { !$0.isEmpty }
        func reportUnknown(_ via: String, at path: String) {
            let hint = suggestion(for: via, among: names).map { "; did you mean \"\($0)\"?" } ?? ""
            session.report(path, "is not a host of the inventory: \(shown(via))\(hint)")
        }
        if let via = ssh.via, session.isSound("ssh.via"), !names.contains(via) { reportUnknown(via, at: "ssh.via") }
        let ways = Dictionary(hosts.map { ($0.name, $0.via) }, uniquingKeysWith: { first, _ in first })
        var known: Set<String> = []
        for (index, host) in hosts.enumerated() where session.isSound("hosts[\(index)].via") {
            let path = "hosts[\(index)].via"
            if host.name == Host.straight {
                session.report(
                    "hosts[\(index)].name", "must not be \"\(Host.straight)\", the value of \"via\" for no jump host")
            }
            // A default for all hosts is reported where it is written.
            guard let via = host.via, via != ssh.via else { continue }
            if via == host.name {
                session.report(path, "must not be the host itself; leave it out if the host is reached directly")
            } else if !names.contains(via) {
                reportUnknown(via, at: path)
            } else if let circle = circle(from: host, ways), known.isDisjoint(with: circle) {
                known.formUnion(circle)
                session.report(
                    path,
                    "forms a loop: \((circle + [host.name]).joined(separator: " → ")); let one of them be "
                        + "reached directly: \"via\": \"\(Host.straight)\"")
            }
        }
    }

    /// The loop of at least two jump hosts that `host` is part of; nil if it is not part of one.
    private func circle(from host: Host, _ ways: [String: String?]) -> [String]? {
        var way = [host.name]
        while let next = ways[way[way.count - 1]] ?? nil, next != way[way.count - 1] {
            if next == host.name { return way }
            // A loop that does not contain `host` is reported for the hosts in it.
            guard !way.contains(next) else { return nil }
            way.append(next)
        }
        return nil
    }

    /// Reports each of the hosts' `values` that an earlier host has too; an empty one stands for a
    /// mistake that was already reported.
    private func reportRepeated(_ key: String, _ values: [String], _ session: ReadingSession) {
        var owners: [String: Int] = [:]
        for (index, value) in values.enumerated() where !value.isEmpty {
            if let earlier = owners[value] {
                let line = session.line(of: "hosts[\(earlier)].\(key)")
                session.report("hosts[\(index)].\(key)", "is already the \(key) of hosts[\(earlier)] (line \(line))")
            } else {
                owners[value] = index
            }
        }
    }

    private func checkNetworks(_ session: ReadingSession) {
        let networks = [
            ("nodeNetwork", cluster.nodeNetwork), ("podCIDR", cluster.podCIDR), ("serviceCIDR", cluster.serviceCIDR),
        ].filter { session.areSound("cluster", "cluster.\($0.0)") }
        for (index, (key, network)) in networks.enumerated() {
            for (earlierKey, earlier) in networks[..<index] where network.overlaps(earlier) {
                session.report("cluster.\(key)", "\(network) overlaps \(earlierKey) \(earlier)")
            }
        }
        let inside = networks.filter { $0.0 != "nodeNetwork" }
        for (index, host) in hosts.enumerated() {
            for (key, network) in inside {
                if let address = IPAddress(host.address), network.contains(address) {
                    session.report("hosts[\(index)].address", "is in cluster.\(key) \(network), which no host can use")
                }
            }
        }
    }
}
