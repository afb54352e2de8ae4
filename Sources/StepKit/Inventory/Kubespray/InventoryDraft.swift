/// An inventory being built: a document to start from, and kubespray's hosts in it.
struct InventoryDraft {
    private(set) var root: InventoryValue
    private(set) var notes: [InventoryProblem] = []
    /// The place in the YAML that a value of the document comes from.
    var origins: [String: (path: String, position: TextPosition)] = [:]

    init(base: InventoryValue, sections: [String], hosts found: KubesprayHosts) {
        root = base
        if !has("version") { root["version"] = 1 }
        let keys = ["name", "ssh", "hosts", "cluster", "postgres", "redis"] + sections + ["firewall"]
        for key in keys where !has(key) { root[key] = .object([]) }
        placeHosts(found.hosts)
        warnOfOtherKeys(found.hosts)
    }

    func has(_ path: String) -> Bool {
        // Either of the two determines the key that is offered.
        root[path] != nil && root[path] != .object([]) || path == "ssh.key" && root["ssh.agent"] != nil
    }

    mutating func set(_ path: String, to text: String, isList: Bool) {
        if path == "ssh.key" { root["ssh.agent"] = nil }
        if path == "ssh.agent" { root["ssh.key"] = nil }
        root[path] = isList ? .texts(text.split(separator: ",").map(String.init)) : .string(text)
    }

    /// `problem`, a mistake in the document, at the place in the YAML that it comes from.
    func inYAML(_ problem: InventoryProblem) -> InventoryProblem {
        var path = Substring(problem.path)
        while origins[String(path)] == nil, let cut = path.lastIndex(where: { $0 == "." || $0 == "[" }) {
            path = path[..<cut]
        }
        let origin = origins[String(path)]
        // A position in the document, which the operator has not seen yet, would be misleading.
        let message = problem.message.replacing(/\ \(line \d+\)/, with: "")
        return InventoryProblem(path: origin?.path ?? problem.path, at: origin?.position, message)
    }

    private mutating func placeHosts(_ hosts: [KubesprayHosts.Host]) {
        let kept = keptHosts(besides: hosts)
        let user = (root["ssh.user"]?.text ?? "root")
        let port = (root["ssh.port"]?.integer ?? 22)
        let (users, ports) = (hosts.map { $0.user ?? user }, hosts.map { $0.port ?? port })
        let common = (user: mostFrequent(users) ?? user, port: mostFrequent(ports) ?? port)
        let via = commonWay(hosts)
        let formerBecome = root["ssh.become"]
        // It has no effect for root.
        let becomes = zip(hosts, users).map { host, user in user == "root" ? nil : host.becomes }
        let become = mostFrequent(becomes.compactMap(\.self)) ?? false
        root["ssh.become"] = become ? .string(Inventory.Become.sudo.rawValue) : nil
        root["ssh.user"] = .string(common.user)
        root["ssh.port"] = .number("\(common.port)")
        if let old = root["ssh.via"]?.text, via == nil {
            note(
                "ssh.via of the --like inventory (\(old)) is left out: none of kubespray's hosts uses a jump host"
            )
        }
        root["ssh.via"] = via.map(InventoryValue.string)
        var written: [JSONNode] = []
        for (index, host) in hosts.enumerated() {
            var entry: InventoryValue = .object([])
            entry["name"] = .string(host.name)
            entry["address"] = .string(host.address)
            entry["roles"] = .texts(host.roles)
            if ports[index] != common.port { entry["port"] = .number("\(ports[index])") }
            if users[index] != common.user { entry["user"] = .string(users[index]) }
            if let own = becomes[index], own != become {
                entry["become"] = .string((own ? Inventory.Become.sudo : .nothing).rawValue)
            }
            if host.via != via, host.name != via { entry["via"] = .string(host.via ?? Inventory.Host.straight) }
            written.append(JSONNode(value: entry, position: .start))
            for (key, origin) in host.origins { origins["hosts[\(index)]" + (key.isEmpty ? "" : ".\(key)")] = origin }
        }
        root["hosts"] = .array(
            written
                + kept.map { entry in
                    // Defaults of the --like inventory still apply to its hosts.
                    var value = entry.value
                    if value["user"] == nil, user != common.user { value["user"] = .string(user) }
                    if value["become"] == nil, formerBecome?.text != root["ssh.become"]?.text {
                        value["become"] = formerBecome ?? .string(Inventory.Become.nothing.rawValue)
                    }
                    if value["port"] == nil, port != common.port { value["port"] = .number("\(port)") }
                    return JSONNode(value: value, position: .start)
                })
    }

    /// The hosts outside Kubernetes in the --like inventory, which kubespray does not know.
    private mutating func keptHosts(besides hosts: [KubesprayHosts.Host]) -> [JSONNode] {
        guard case .array(let old) = root["hosts"] else { return [] }
        let taken = Set(hosts.map(\.name) + hosts.map(\.address))
        let kept = old.filter { entry in
            entry.value["roles"]?.texts.map { Set($0).isSubset(of: ["operator", "backup"]) } == true
                && !["name", "address"].contains { taken.contains(entry.value[$0]?.text ?? "") }
        }
        for entry in kept {
            note(
                "the host \(entry.value["name"]?.text ?? ""), outside Kubernetes, is taken from the --like inventory"
            )
        }
        return kept.map { entry in
            var value = entry.value
            value["via"] = nil
            return JSONNode(value: value, position: .start)
        }
    }

    /// The jump host that all other hosts use, if there is one.
    private func commonWay(_ hosts: [KubesprayHosts.Host]) -> String? {
        guard let via = mostFrequent(hosts.compactMap(\.via)) else { return nil }
        return hosts.allSatisfy { $0.via == via || $0.name == via } ? via : nil
    }

    private mutating func warnOfOtherKeys(_ hosts: [KubesprayHosts.Host]) {
        let keys = hosts.compactMap(\.key)
        for key in keys where key.text != keys.first?.text {
            note("is not used: the runner uses one key, \(keys.first?.text ?? "")", of: key.path, at: key.position)
        }
        if let key = keys.first, !key.text.hasPrefix("/"), !key.text.hasPrefix("~") {
            note(
                "is a relative path: in the inventory it begins at the inventory's folder", of: key.path,
                at: key.position)
        }
    }

    private mutating func note(_ message: String, of path: String = "", at position: TextPosition? = nil) {
        let note = InventoryProblem(path: path, at: position, message)
        if !notes.contains(note) { notes.append(note) }
    }
}

/// The most frequent of `values`, the first of several.
private func mostFrequent<Value: Hashable>(_ values: [Value]) -> Value? {
    let counts = values.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    return values.first { counts[$0] == counts.values.max() }
}

extension InventoryValue {
    fileprivate var text: String? { if case .string(let text) = self { text } else { nil } }
    fileprivate var texts: [String]? {
        if case .array(let nodes) = self { nodes.compactMap(\.value.text) } else { nil }
    }
    fileprivate var integer: Int? { if case .number(let digits) = self { Int(digits) } else { nil } }
}
