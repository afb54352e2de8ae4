import Foundation
import TestSupport
import Testing

@testable import StepKit
@testable import Steps

/// An inventory as the rehearsal cluster has it, one value a line so that tests can change one and name its place.
enum InventorySample {
    static let lab = """
        {
          "$schema": "../../inventory.schema.json",
          "version": 1,
          "name": "rehearsal",
          "ssh": {
            "user": "root",
            "key": "/var/lib/keybuzz-lab/ssh/id_ed25519",
            "knownHosts": ["/var/lib/keybuzz-lab/ssh/known_hosts"]
          },
          "hosts": [
            { "name": "k8s-master-01", "address": "10.0.0.100", "roles": ["master"] },
            { "name": "k8s-master-02", "address": "10.0.0.101", "roles": ["master"] },
            { "name": "k8s-master-03", "address": "10.0.0.102", "roles": ["master"] },
            { "name": "k8s-worker-01", "address": "10.0.0.110", "roles": ["worker"] },
            { "name": "install-01", "address": "10.0.0.20", "roles": ["operator"] }
          ],
          "cluster": {
            "kubeconfig": "/root/.kube/config",
            "nodeNetwork": "10.0.0.0/16",
            "podCIDR": "10.233.64.0/18",
            "serviceCIDR": "10.233.0.0/18"
          },
          "postgres": { "hosts": ["10.0.0.10"], "port": 5432 },
          "redis": { "host": "10.0.0.10", "port": 6379 },
          "registry": { "server": "ghcr.io", "caFile": "/var/lib/keybuzz-lab/registry/ca.pem" },
          "chatwoot": {
            "image": "ghcr.io/keybuzzio/chatwoot-keybuzz:v3.12.0",
            "domain": "support.keybuzz.io",
            "replicas": { "web": 2, "worker": 2 },
            "resources": {
              "requests": { "cpu": "50m", "memory": "64Mi" },
              "limits": { "cpu": "1", "memory": "512Mi" }
            },
            "environment": {}
          },
          "firewall": { "policy": "disabled" },
          "credentials": { "directory": "/var/lib/keybuzz-lab/credentials" }
        }
        """

    /// The modules whose sections the shipped inventory and schema have.
    static let modules = Steps.modules

    /// The folder of the package, where the shipped files are.
    static let package = Shipped.folder.path()

    /// ``lab`` with each `old` text, which must occur exactly once, replaced by its `new`.
    static func changed(_ changes: [(old: String, new: String)]) throws -> String {
        try Shipped.changed(lab, changes)
    }

    static func parse(_ text: String) throws(InventoryError) -> Inventory {
        try Inventory.parse(Array(text.utf8), path: "/etc/keybuzz/inventory.json", for: modules)
    }

    /// What is wrong with `text`; empty when it is accepted.
    static func problems(in text: String) -> [InventoryProblem] {
        do {
            _ = try parse(text)
            return []
        } catch {
            return error.problems
        }
    }
}
