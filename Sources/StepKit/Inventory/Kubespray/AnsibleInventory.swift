import Yams

/// The hosts of an Ansible inventory in YAML, with their groups and the variables that apply to
/// them.
struct AnsibleInventory {
    /// A variable's value as it is written, and its location.
    struct Variable {
        let text: String
        /// `all.hosts.node1.ip`.
        let path: String
        let position: TextPosition
        /// Whether it is encrypted with Ansible Vault, so that ``text`` is not the value.
        var isVaulted = false
    }

    /// One host.
    struct Host {
        let name: String
        let path: String
        let position: TextPosition
        /// The groups that it is in, including their parents.
        let groups: Set<String>
        /// Host variables, then the variables of its groups, the innermost first.
        let variables: [String: Variable]

        /// The first of `names` that is set.
        func variable(_ names: String...) -> Variable? {
            names.lazy.compactMap { variables[$0] }.first
        }
    }

    /// The hosts, in the order in which they first occur.
    let hosts: [Host]

    /// Reads the YAML `text`; mistakes are passed to `report`.
    init(_ text: String, report: (InventoryProblem) -> Void) {
        var tree = AnsibleTree()
        do {
            if let root = try compose(yaml: text) {
                tree.readRoot(root)
            } else {
                tree.problems.append(InventoryProblem(at: .start, "is empty"))
            }
        } catch {
            let message =
                switch error as? YamlError {
                case .scanner(_, let problem, _, _), .parser(_, let problem, _, _), .composer(_, let problem, _, _):
                    "is not YAML: \(problem)"
                case .duplicatedKeysInMapping(let keys, _):
                    "is defined twice: \(keys.map(shown).joined(separator: ", "))"
                default: "is not YAML"
                }
            tree.problems.append(InventoryProblem(at: JSONNode.position(of: error), message))
        }
        hosts = tree.hosts()
        tree.problems.forEach(report)
    }
}
