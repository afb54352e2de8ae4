import Yams

/// The groups of an Ansible inventory as written: a group may appear in several places, in some of
/// them only by name.
struct AnsibleTree {
    private struct Group {
        var hosts: Set<String> = []
        var parents: Set<String> = []
        var variables: [String: AnsibleInventory.Variable] = [:]
    }

    private static let deepest = 32
    var problems: [InventoryProblem] = []
    private var groups: [String: Group] = [:]
    private var order: [String] = []
    private var places: [String: (path: String, position: TextPosition)] = [:]
    private var hostVariables: [String: [String: AnsibleInventory.Variable]] = [:]

    mutating func readRoot(_ root: Node) {
        for (key, node) in members(of: root, at: "") {
            // Every group is in `all`, whether or not it is listed there.
            readGroup(key.name, from: node, in: key.name == "all" ? nil : "all", at: key.name, depth: 1)
        }
    }

    private mutating func readGroup(_ name: String, from node: Node, in parent: String?, at path: String, depth: Int) {
        guard depth <= Self.deepest else {
            problems.append(InventoryProblem(path: path, at: TextPosition(node.mark), "is nested too deep"))
            return
        }
        if let parent { groups[name, default: Group()].parents.insert(parent) }
        for (key, part) in members(of: node, at: path) {
            let partPath = "\(path).\(key.name)"
            switch key.name {
            case "hosts":
                for (host, variables) in members(of: part, at: partPath) {
                    readHost(
                        host.name, variables: variables, in: name, at: "\(partPath).\(host.name)",
                        position: host.position)
                }
            case "vars":
                groups[name, default: Group()].variables.merge(variables(of: part, at: partPath)) { _, new in new }
            case "children":
                for (child, body) in members(of: part, at: partPath) {
                    readGroup(child.name, from: body, in: name, at: "\(partPath).\(child.name)", depth: depth + 1)
                }
            default:
                problems.append(
                    InventoryProblem(
                        path: partPath, at: key.position, "is not a part of a group; use hosts, vars or children"))
            }
        }
    }

    private mutating func readHost(
        _ name: String, variables node: Node, in group: String, at path: String, position: TextPosition
    ) {
        if name.contains(where: { "[]".contains($0) }) {
            problems.append(
                InventoryProblem(path: path, at: position, "is a range of hosts; list each host separately"))
            return
        }
        groups[group, default: Group()].hosts.insert(name)
        if places[name] == nil {
            places[name] = (path, position)
            order.append(name)
        }
        hostVariables[name, default: [:]].merge(variables(of: node, at: path)) { _, new in new }
    }

    /// The hosts, with the variables of their groups.
    mutating func hosts() -> [AnsibleInventory.Host] {
        let depths = self.depths()
        return order.compactMap { name in
            guard let (path, position) = places[name] else { return nil }
            var around = Set(groups.filter { $0.value.hosts.contains(name) }.keys)
            var news = around
            while !news.isEmpty {
                news = Set(news.flatMap { groups[$0]?.parents ?? [] }).subtracting(around)
                around.formUnion(news)
            }
            var variables = hostVariables[name] ?? [:]
            // As in Ansible: the deeper group wins, and of two equally deep ones the later name.
            for group in around.sorted(by: { (depths[$0] ?? 0, $0) > (depths[$1] ?? 0, $1) }) {
                variables.merge(groups[group]?.variables ?? [:]) { own, _ in own }
            }
            return AnsibleInventory.Host(
                name: name, path: path, position: position, groups: around, variables: variables)
        }
    }

    /// The depth of each group; groups that contain each other are a mistake.
    private mutating func depths() -> [String: Int] {
        var depths: [String: Int] = [:]
        for round in 0...groups.count {
            var hasChanged = false
            for (name, group) in groups {
                let depth = group.parents.map { (depths[$0] ?? 0) + 1 }.max() ?? 0
                if depths[name] != depth {
                    depths[name] = depth
                    hasChanged = true
                }
            }
            if !hasChanged { return depths }
            if round == groups.count {
                problems.append(InventoryProblem(at: .start, "has groups that contain one another"))
            }
        }
        return depths
    }

    private mutating func variables(of node: Node, at path: String) -> [String: AnsibleInventory.Variable] {
        var result: [String: AnsibleInventory.Variable] = [:]
        for (key, value) in members(of: node, at: path) {
            // Lists and mappings (labels, taints) have no place in our inventory.
            guard value.isVaulted || value.scalar != nil, !value.isTagged(.null) else { continue }
            result[key.name] = .init(
                text: value.scalar?.string ?? "", path: "\(path).\(key.name)", position: TextPosition(value.mark),
                isVaulted: value.isVaulted)
        }
        return result
    }

    /// The members of a mapping, including those of merged ones; none if it is empty.
    private mutating func members(of node: Node, at path: String) -> [(key: Key, node: Node)] {
        guard case .mapping(let mapping) = node else {
            if !node.isTagged(.null) {
                problems.append(
                    InventoryProblem(path: path, at: TextPosition(node.mark), "must be a mapping of names"))
            }
            return []
        }
        var own: [(key: Key, node: Node)] = []
        var merged: [(key: Key, node: Node)] = []
        for (key, value) in mapping {
            if key.isTagged(.merge) {
                let sources = value.sequence.map(Array.init) ?? [value]
                for source in sources { merged += members(of: source, at: path) }
            } else if let name = key.scalar?.string {
                own.append((Key(name: name, position: TextPosition(key.mark)), value))
            } else {
                problems.append(
                    InventoryProblem(
                        path: path, at: TextPosition(key.mark),
                        "has a key that is not a name"))
            }
        }
        var seen: Set<String> = []
        return (own + merged).filter { seen.insert($0.key.name).inserted }
    }

    private struct Key {
        let name: String
        let position: TextPosition
    }
}

extension Node {
    fileprivate func isTagged(_ name: Tag.Name) -> Bool { tag.rawValue == name.rawValue }

    /// Whether Ansible Vault has encrypted it: as people write it, as `ansible-inventory` prints
    /// it, or without the tag.
    fileprivate var isVaulted: Bool {
        tag.rawValue == "!vault" || mapping?["__ansible_vault"] != nil
            || scalar?.string.hasPrefix(AnsibleForm.vaultHeader) == true
    }
}
