import ClientKit
import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// Makes an inventory from a kubespray `hosts.yaml`.
///
/// Values that are not in that file come from the given values, then from another inventory. What
/// is in neither is written as a blank to be filled in, which only this command accepts.
public struct InventoryImport: Sendable {
    /// The text of an inventory, and what to know about it.
    public struct Result: Sendable {
        /// The inventory.
        public let text: String
        /// What was left out or differs from Ansible, with its location in the YAML.
        public let notes: [InventoryProblem]
        /// The keys that are still to be filled in.
        public let blanks: [String]
    }

    /// The keys that the import must be given, in the order of the document.
    private static func keys(for modules: [Module]) -> [ImportedKey] {
        [
            ImportedKey("name", hint: "the platform's name"),
            ImportedKey("ssh.key", hint: "the file of the private key, or ssh.agent instead"),
            ImportedKey("cluster.nodeNetwork", hint: "the network of the nodes, such as 10.0.0.0/16"),
            ImportedKey("cluster.podCIDR", hint: "the network of the pods (kube_pods_subnet)"),
            ImportedKey("cluster.serviceCIDR", hint: "the network of the Services (kube_service_addresses)"),
            ImportedKey("postgres.hosts", hint: "the address of PostgreSQL", isList: true),
            ImportedKey("redis.host", hint: "the address of Redis"),
        ]
            + modules.flatMap { $0.section?.importedKeys ?? [] }
            + [ImportedKey("firewall.policy", hint: "disabled, allow-pod-network or leave")]
    }
    /// The keys for which ``init(values:like:folder:for:)`` accepts values.
    public static func settableKeys(for modules: [Module]) -> [String] {
        keys(for: modules).map(\.path) + ["ssh.agent"]
    }
    /// Keys that hold paths on this machine.
    private static let pathKeys = ["$schema", "ssh.key", "ssh.agent", "credentials.directory"]

    private let values: [String: String]
    private let base: InventoryValue
    private let folder: String
    private let modules: [Module]

    /// Uses `values`, then those of the inventory in the file `like`; the result, an inventory for
    /// `modules`, will be in `folder`.
    ///
    /// Blocks on the file: call it off the cooperative pool.
    public init(
        values: [String: String] = [:], like: String?, folder: String, for modules: [Module]
    ) throws(InventoryError) {
        self.values = values
        self.folder = folder
        self.modules = modules
        guard let like else {
            base = .object([])
            return
        }
        let inventory = try Inventory.load(path: like, for: modules)
        do {
            let (bytes, path) = try PrivateFile.contents(of: like)
            let root = try JSONNode.read(try Inventory.utf8Text(bytes)).value
            base = root.withPaths(
                Self.pathKeys, from: String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]), to: folder)
        } catch {
            throw InventoryError(file: inventory.path, problems: [InventoryProblem("cannot be read again: \(error)")])
        }
    }

    /// Reads the file of a kubespray inventory and converts it.
    ///
    /// Blocks on the file: call it off the cooperative pool.
    public func convert(file: String) throws(InventoryError) -> Result {
        do {
            let (bytes, _) = try PrivateFile.contents(of: file)
            return try convert(try Inventory.utf8Text(bytes), file: file)
        } catch let error as InventoryError {
            throw error
        } catch let problem as InventoryProblem {
            throw failure(of: file, [problem])
        } catch {
            throw failure(of: file, [InventoryProblem("cannot be read: \(error)")])
        }
    }

    /// Converts the YAML text of `file`; all its mistakes are reported together.
    public func convert(_ yaml: String, file: String) throws(InventoryError) -> Result {
        if let objection = AnsibleForm.objection(to: yaml, file: file) { throw failure(of: file, [objection]) }
        let found = KubesprayHosts(yaml: yaml)
        guard found.problems.isEmpty else { throw failure(of: file, found.problems) }
        var draft = InventoryDraft(
            base: base, sections: modules.compactMap { $0.section?.key }, hosts: found)
        var blanks: [String] = []
        for key in Self.keys(for: modules) {
            let path = key.path == "ssh.key" && values["ssh.agent"] != nil ? "ssh.agent" : key.path
            if let value = values[path] {
                draft.set(path, to: value, isList: key.isList)
            } else if let variable = found.value(of: path) {
                draft.set(path, to: variable.text, isList: key.isList)
                draft.origins[path] = (variable.path, variable.position)
            } else if !draft.has(path) {
                draft.set(path, to: blank + key.hint, isList: key.isList)
                blanks.append(path)
            }
        }
        let text: String
        do {
            text = try draft.root.written() + "\n"
        } catch {
            throw failure(of: file, [InventoryProblem("cannot be written as JSON: \(error)")])
        }
        let problems = self.problems(of: text).filter { !$0.message.hasPrefix("has not been filled in yet") }
        guard problems.isEmpty else { throw failure(of: file, problems.map(draft.inYAML)) }
        return Result(
            text: text, notes: (found.notes + draft.notes).sorted(by: InventoryProblem.isEarlier), blanks: blanks)
    }

    /// Writes `text` to the file at the absolute `path` atomically; an existing file is kept unless
    /// `isForced`.
    ///
    /// Blocks on the file: call it off the cooperative pool.
    public static func write(_ text: String, to path: String, isForced: Bool) throws(StepFailure) {
        do {
            try WholeFile.replace(path, with: Array(text.utf8), mode: 0o644, isNew: !isForced)
        } catch let failure as WholeFile.Failure where failure.code == EEXIST {
            throw StepFailure(
                "write \(path)", cause: "it exists", remedy: "name another file, or replace it with --force",
                kind: .usage)
        } catch {
            throw StepFailure(
                "write \(path)", cause: "\(error)", remedy: "name a folder that this user may write to", kind: .badInput
            )
        }
    }

    private func problems(of text: String) -> [InventoryProblem] {
        do {
            _ = try Inventory.parse(Array(text.utf8), path: "\(folder)/inventory.json", for: modules)
            return []
        } catch {
            return error.problems
        }
    }

    private func failure(of file: String, _ problems: [InventoryProblem]) -> InventoryError {
        InventoryError(
            file: file, problems: problems.sorted(by: InventoryProblem.isEarlier),
            command: "runner inventory import \(file)")
    }
}

extension KubesprayHosts {
    /// The YAML's value for a key of our inventory outside `hosts`.
    fileprivate func value(of path: String) -> AnsibleInventory.Variable? {
        switch path {
        case "ssh.key": hosts.lazy.compactMap(\.key).first
        case "cluster.podCIDR": clusterVariables["kube_pods_subnet"]
        case "cluster.serviceCIDR": clusterVariables["kube_service_addresses"]
        default: nil
        }
    }
}

extension InventoryValue {
    /// The same document for another folder: relative paths at `keys` are made absolute.
    fileprivate func withPaths(_ keys: [String], from folder: String, to other: String) -> InventoryValue {
        guard folder != other else { return self }
        func moved(_ value: InventoryValue) -> InventoryValue {
            guard case .string(let path) = value, !path.hasPrefix("/"), !path.hasPrefix("~"), !path.contains("://")
            else {
                return value
            }
            return .string(URL(filePath: "\(folder)/\(path)").standardized.path)
        }
        var result = self
        for key in keys { if let value = self[key] { result[key] = moved(value) } }
        if case .array(let files) = self["ssh.knownHosts"] {
            result["ssh.knownHosts"] = .array(files.map { JSONNode(value: moved($0.value), position: .start) })
        }
        return result
    }
}
