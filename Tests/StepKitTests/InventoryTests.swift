import ClientKit
import Foundation
import Testing

@testable import StepKit
@testable import Steps

@Suite struct InventoryTests {
    @Test func aFileThatCannotBeReadIsBadInputWithTheReason() throws {
        let error = try #require(throws: InventoryError.self) {
            try Inventory.load(path: "/nonexistent/inventory.json", for: [])
        }
        #expect(error.kind == .badInput)
        #expect(error.description.contains("/nonexistent/inventory.json: cannot be read: No such file or directory"))
    }

    @Test func theShippedFileDescribesTheRealPlatform() throws {
        let inventory = try Inventory.load(
            path: InventorySample.package + "inventory.json", for: InventorySample.modules)
        #expect(inventory.masters.map(\.address) == ["10.0.0.100", "10.0.0.101", "10.0.0.102"])
        #expect(inventory.workers.map(\.address) == (110...114).map { "10.0.0.\($0)" })
        #expect(inventory.hosts.filter { $0.roles == [.operator] }.map(\.name) == ["install-01"])
        #expect(inventory.nodes.count == 8)
        #expect(inventory.cluster.podCIDR == CIDR("10.233.0.0/16"))
        #expect(inventory.cluster.serviceCIDR == CIDR("10.96.0.0/12"))
        #expect(inventory.chatwoot.image.description == "ghcr.io/keybuzzio/chatwoot-keybuzz:v3.12.0")
        #expect(inventory.chatwoot.resources.limits.cpu == Quantity("1"))
        #expect(inventory.firewall.policy == .disabled)
        #expect(inventory.objectStorage?.bucket == "keybuzz-chatwoot")
    }

    @Test func theRehearsalsFileIsAcceptedAndTheRestFilledIn() throws {
        let inventory = try InventorySample.parse(InventorySample.lab)
        #expect(inventory.ssh.identity == .file("/var/lib/keybuzz-lab/ssh/id_ed25519"))
        #expect(inventory.hosts.allSatisfy { $0.port == 22 && $0.user == "root" })
        #expect(inventory.postgres.via == .direct)
        #expect(inventory.postgres.sslmode == .prefer)
        #expect(inventory.postgres.adminDatabase == "postgres")
        #expect(inventory.redis.database == 0)
        #expect(inventory.objectStorage == nil)
        #expect(inventory.registry.secretName == "ghcr-secret")
        #expect(inventory.registry.caFile == "/var/lib/keybuzz-lab/registry/ca.pem")
        #expect(inventory.chatwoot.namespace == "chatwoot")
        #expect(inventory.chatwoot.migration.timeToLive == .seconds(604_800))
        #expect(inventory.limits.migration == TimeLimit(.seconds(600), key: "limits.migration"))
    }

    @Test func sentinelsAreHostsWithOrWithoutAPort() throws {
        let text = try InventorySample.changed([
            (
                "\"port\": 6379",
                "\"sentinel\": { \"hosts\": [\"10.0.0.11\", \"s2.keybuzz.io:26380\"], \"port\": 5000 }, \"user\": \"u\""
            )
        ])
        let redis = try InventorySample.parse(text).redis
        #expect(redis.sentinel?.addresses.map(\.description) == ["10.0.0.11:5000", "s2.keybuzz.io:26380"])
        #expect(redis.sentinel?.master == "mymaster" && redis.sentinel?.isForPods == true)
        #expect(redis.summary == "the master mymaster of the Sentinels 10.0.0.11:5000, s2.keybuzz.io:26380")
        // Where the pods ask none, what Chatwoot cannot do is no matter.
        let own = try InventorySample.parse(
            InventorySample.changed([
                (
                    "\"port\": 6379",
                    "\"tls\": true, \"sentinel\": { \"hosts\": [\"fd00::1\", \"[fd00::2]:1\"], \"pods\": false }"
                )
            ])
        ).redis
        #expect(own.sentinel?.addresses.map(\.description) == ["[fd00::1]:26379", "[fd00::2]:1"])
    }

    @Test func aHostOverridesTheDefaultsOfSSH() throws {
        let text = try InventorySample.changed([
            ("\"user\": \"root\"", "\"user\": \"admin\", \"port\": 2222"),
            ("\"address\": \"10.0.0.20\"", "\"address\": \"install.keybuzz.io\", \"port\": 22, \"user\": \"ops\""),
        ])
        let inventory = try InventorySample.parse(text)
        #expect(inventory.masters.first.map { "\($0.user)@\($0.address):\($0.port)" } == "admin@10.0.0.100:2222")
        #expect(
            inventory.hosts.first { $0.roles == [.operator] }.map { "\($0.user)@\($0.address):\($0.port)" }
                == "ops@install.keybuzz.io:22")
    }

    @Test func hostsGoThroughTheirOwnJumpHostOrThatOfAllOrNone() throws {
        let text = try InventorySample.changed([
            ("\"user\": \"root\"", "\"via\": \"install-01\""),
            ("\"10.0.0.101\"", "\"10.0.0.101\", \"via\": \"k8s-worker-01\""),
            ("\"10.0.0.102\"", "\"10.0.0.102\", \"via\": \"direct\""),
        ])
        let hosts = try InventorySample.parse(text).hosts
        #expect(hosts.map(\.via) == ["install-01", "k8s-worker-01", nil, "install-01", nil])
        #expect(try InventorySample.parse(InventorySample.lab).hosts.allSatisfy { $0.via == nil })
    }

    @Test func pathsAreResolvedAgainstHomeAndTheFilesFolder() throws {
        let text = try InventorySample.changed([
            ("\"key\": \"/var/lib/keybuzz-lab/ssh/id_ed25519\"", "\"agent\": \"keys/infra.pub\""),
            ("[\"/var/lib/keybuzz-lab/ssh/known_hosts\"]", "[\"~/.ssh/known_hosts\", \"known_hosts\"]"),
            ("\"/var/lib/keybuzz-lab/credentials\"", "\"~\""),
        ])
        let inventory = try InventorySample.parse(text)
        #expect(inventory.ssh.identity == .agent(publicKey: "/etc/keybuzz/keys/infra.pub"))
        #expect(inventory.ssh.knownHosts == [NSHomeDirectory() + "/.ssh/known_hosts", "/etc/keybuzz/known_hosts"])
        #expect(inventory.credentials.directory == NSHomeDirectory())
    }

    @Test func theDigestIsThatOfTheFilesBytesAndThePathIsCanonical() async throws {
        let folder = try TemporaryFolder()
        try folder.write("inventory.json", InventorySample.lab)
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/link.json", withDestinationPath: "inventory.json")
        let inventory = try Inventory.load(
            path: folder.path + "/./link.json", for: InventorySample.modules)
        #expect(inventory.path.hasSuffix("/inventory.json"))
        #expect(!inventory.path.contains("/./"))
        #expect(inventory.digest == (try await sha256sum(folder.path + "/inventory.json")))
    }

    private func sha256sum(_ path: String) async throws -> String {
        try await String(output(of: "/usr/bin/sha256sum", path).prefix(64))
    }
}
