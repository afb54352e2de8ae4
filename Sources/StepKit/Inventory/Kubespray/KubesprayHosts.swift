/// The hosts of a kubespray inventory, converted for our inventory.
struct KubesprayHosts {
    /// One host, and where each of its values was found.
    struct Host {
        let name: String
        let address: String
        let roles: [String]
        let user: String?
        /// Whether Ansible becomes root on it.
        let becomes: Bool
        let port: Int?
        let key: AnsibleInventory.Variable?
        fileprivate(set) var via: String?
        /// The location of the host under "", and of its values under their own names.
        let origins: [String: (path: String, position: TextPosition)]
    }

    private(set) var hosts: [Host] = []
    private(set) var problems: [InventoryProblem] = []
    /// What an operator should know, other than mistakes.
    private(set) var notes: [InventoryProblem] = []
    /// Variables of the cluster, with the values of the first master.
    private(set) var clusterVariables: [String: AnsibleInventory.Variable] = [:]

    private static let masterGroups = ["kube_control_plane", "kube-control-plane", "kube_master", "kube-master"]
    private static let workerGroups = ["kube_node", "kube-node"]
    private static let bastionGroup = "bastion"
    /// The variables whose values are used in the inventory.
    private static let variablesRead = [
        "ansible_host", "ansible_ssh_host", "access_ip", "ip", "ansible_port", "ansible_ssh_port", "ansible_user",
        "ansible_ssh_user", "ansible_ssh_private_key_file", "ansible_private_key_file", "ansible_ssh_common_args",
        "ansible_ssh_extra_args", "kube_pods_subnet", "kube_service_addresses",
    ]

    init(yaml: String) {
        var found: [InventoryProblem] = []
        let inventory = AnsibleInventory(yaml) { found.append($0) }
        problems = found
        for host in inventory.hosts { add(host) }
        for host in inventory.hosts { findWay(to: host) }
        guard problems.isEmpty else { return }
        if inventory.hosts.isEmpty {
            problems.append(InventoryProblem(path: "all.hosts", at: .start, "names no host"))
        } else if !hosts.contains(where: { $0.roles.contains("master") }) {
            problems.append(
                InventoryProblem(path: "all.children", at: .start, "have no host in the group kube_control_plane"))
        }
    }

    private mutating func add(_ host: AnsibleInventory.Host) {
        var roles: [String] = []
        if !host.groups.isDisjoint(with: Self.masterGroups) { roles.append("master") }
        if !host.groups.isDisjoint(with: Self.workerGroups) { roles.append("worker") }
        if roles.isEmpty, host.groups.contains(Self.bastionGroup) { roles.append("operator") }
        guard !roles.isEmpty else {
            note("is neither a master nor a worker of Kubernetes: left out", of: host.path, at: host.position)
            return
        }
        if roles.contains("master"), clusterVariables.isEmpty { clusterVariables = host.variables }
        refuseVaulted(host)
        var origins = ["": (host.path, host.position)]
        func plain(_ key: String, from variable: AnsibleInventory.Variable?) -> AnsibleInventory.Variable? {
            guard let variable else { return nil }
            origins[key] = (variable.path, variable.position)
            guard !variable.isVaulted else { return nil }
            guard variable.text.contains("{{") || variable.text.contains("{%") else { return variable }
            problems.append(
                InventoryProblem(
                    path: variable.path, at: variable.position,
                    "is a template, which only Ansible can fill in; write the value"
                ))
            return nil
        }
        let address = plain("address", from: host.variable("ansible_host", "ansible_ssh_host", "access_ip", "ip"))
        let port = plain("port", from: host.variable("ansible_port", "ansible_ssh_port"))
        if let port, Int(port.text) == nil {
            problems.append(
                InventoryProblem(path: port.path, at: port.position, "must be a whole number, not \(shown(port.text))"))
        }
        let user = plain("user", from: host.variable("ansible_user", "ansible_ssh_user"))
        let key = plain("key", from: host.variable("ansible_ssh_private_key_file", "ansible_private_key_file"))
        hosts.append(
            Host(
                name: host.name, address: address?.text ?? host.name, roles: roles, user: user?.text,
                becomes: becomes(host), port: port.flatMap { Int($0.text) }, key: key, via: nil, origins: origins))
        noteDifferences(of: host, address: address)
    }

    /// Reports each vaulted variable that is needed: a value that cannot be read must not be
    /// treated as missing.
    private mutating func refuseVaulted(_ host: AnsibleInventory.Host) {
        for name in Self.variablesRead {
            guard let variable = host.variables[name], variable.isVaulted else { continue }
            let problem = InventoryProblem(
                path: variable.path, at: variable.position,
                "is vaulted, and the runner has no vault password: show the value with `ansible -i FILE \(host.name) "
                    + "-m debug -a var=\(name) --ask-vault-pass`, and write it in plain text")
            // A group's variable is reported once, not once per host.
            if !problems.contains(where: { $0.path == problem.path }) { problems.append(problem) }
        }
    }

    /// Notes where the runner differs from Ansible.
    private mutating func noteDifferences(of host: AnsibleInventory.Host, address: AnsibleInventory.Variable?) {
        if host.variable("ansible_host", "ansible_ssh_host") == nil, let address {
            note("is taken as the address, since there is no ansible_host", of: address.path, at: address.position)
        }
        if let address, let inner = host.variable("ip"), inner.text != address.text {
            note(
                "differs from the address \(address.text), which the runner uses for SSH and as the node's own",
                of: inner.path, at: inner.position)
        }
        if let secret = host.variable("ansible_password", "ansible_ssh_pass", "ansible_ssh_password") {
            note("is not used: the runner logs in with a key", of: secret.path, at: secret.position)
        }
        if let connection = host.variable("ansible_connection"), connection.text == "local" {
            note("is not used: the runner connects over SSH", of: connection.path, at: connection.position)
        }
    }

    /// Whether Ansible becomes root with sudo, its default method; other methods are noted.
    private mutating func becomes(_ host: AnsibleInventory.Host) -> Bool {
        guard let become = host.variable("ansible_become", "ansible_sudo"),
            ["true", "yes", "on", "1"].contains(become.text.lowercased())
        else { return false }
        for (name, usual) in [("ansible_become_method", "sudo"), ("ansible_become_user", "root")] {
            guard let other = host.variable(name), other.text != usual else { continue }
            note("is not used: the runner becomes root, by sudo", of: other.path, at: other.position)
        }
        if let secret = host.variable("ansible_become_password", "ansible_become_pass", "ansible_sudo_pass") {
            note("is not used: sudo must ask for no password", of: secret.path, at: secret.position)
        }
        return true
    }

    /// Sets the jump host that the SSH arguments of `host` clearly name, or else the only bastion.
    private mutating func findWay(to host: AnsibleInventory.Host) {
        guard let index = hosts.firstIndex(where: { $0.name == host.name }) else { return }
        let bastions = hosts.filter { $0.roles == ["operator"] }
        var isNamed = false
        for arguments in [host.variable("ansible_ssh_common_args"), host.variable("ansible_ssh_extra_args")] {
            guard let arguments else { continue }
            if arguments.text.contains("StrictHostKeyChecking") || arguments.text.contains("UserKnownHostsFile") {
                note(
                    "is not used where it concerns host keys: the runner checks them, always, against ssh.knownHosts",
                    of: arguments.path, at: arguments.position)
            }
            guard arguments.text.contains(/-J|ProxyJump|ProxyCommand/) else { continue }
            isNamed = true
            if let jump = jumpHost(in: arguments.text) {
                if jump.name != host.name { hosts[index].via = jump.name }
            } else {
                note(
                    "contains options that cannot be imported (\(shown(arguments.text))): make the jump host a host of the "
                        + "inventory, and name it as \"via\"",
                    of: arguments.path, at: arguments.position)
            }
        }
        if !isNamed, bastions.count == 1, bastions[0].name != host.name {
            hosts[index].via = bastions[0].name
            note(
                "is the bastion: the other hosts are reached through it",
                of: bastions[0].origins[""]?.path ?? "", at: bastions[0].origins[""]?.position ?? .start)
        }
    }

    /// The host that `-J [user@]host[:port]` or `ProxyJump` names, if it is one of these with the
    /// same user and port.
    private func jumpHost(in arguments: String) -> Host? {
        let plain =
            /(?:^|\s)(?:-J\s*|-o\s*["']?ProxyJump[=\s]\s*)(?:([^\s@,"']+)@)?([^\s@,:"']+)(?::([0-9]+))?["']?(?:\s|$)/
        guard let match = arguments.firstMatch(of: plain), !arguments.contains("ProxyCommand") else { return nil }
        let (user, name, port) = (match.1.map(String.init), String(match.2), match.3.flatMap { Int($0) })
        return hosts.first { host in
            (host.name == name || host.address == name) && (user == nil || user == host.user ?? "root")
                && (port == nil || port == host.port ?? 22)
        }
    }

    private mutating func note(_ message: String, of path: String, at position: TextPosition) {
        let note = InventoryProblem(path: path, at: position, message)
        // A group's variable is reported once, not once per host.
        if !notes.contains(note) { notes.append(note) }
    }
}
