import ClientKit
import Testing

@testable import StepKit

@Suite struct InventoryMistakeTests {
    /// One change of the sample, and the only mistake it must lead to.
    struct Case: Sendable, CustomTestStringConvertible {
        let old: String
        let new: String
        let path: String
        let line: Int
        let message: String

        init(_ old: String, _ new: String, _ path: String, _ line: Int, _ message: String) {
            (self.old, self.new, self.path, self.line, self.message) = (old, new, path, line, message)
        }

        var testDescription: String { "\(new) at \(path)" }
    }

    private static let image = "ghcr.io/keybuzzio/chatwoot-keybuzz:v3.12.0"

    static let keysAndTypes = [
        Case("\"name\": \"rehearsal\"", "\"nmae\": \"rehearsal\", \"name\": \"x\"", "nmae", 4, "is not a key"),
        Case("\"podCIDR\"", "\"podCidr\": \"\", \"podCIDR\"", "cluster.podCidr", 20, "known here: kubeconfig"),
        Case("  \"version\": 1,\n", "", "version", 1, "is missing"),
        Case("\"version\": 1,", "\"version\": 2,", "version", 3, "between 1 and 1"),
        Case("\"port\": 5432", "\"port\": \"5432\"", "postgres.port", 23, "must be a whole number, not a string"),
        Case("\"port\": 5432", "\"port\": 5432.0", "postgres.port", 23, "must be a whole number, not \"5432.0\""),
        Case("\"port\": 5432", "\"port\": 99999999999999999999", "postgres.port", 23, "must be a whole number"),
        Case("\"port\": 5432", "\"port\": null", "postgres.port", 23, "must be a whole number, not null"),
        Case("\"port\": 6379", "\"port\": 0", "redis.port", 24, "between 1 and 65535"),
        Case("\"port\": 6379", "\"port\": 65536", "redis.port", 24, "between 1 and 65535"),
        Case("\"user\": \"root\"", "\"user\": true", "ssh.user", 6, "must be a string, not a boolean"),
        Case("{ \"policy\": \"disabled\" }", "[]", "firewall", 36, "must be an object, not an array"),
        Case("{ \"policy\": \"disabled\" }", "{ }", "firewall.policy", 36, "is missing"),
        Case("[\"10.0.0.10\"]", "\"10.0.0.10\"", "postgres.hosts", 23, "must be an array, not a string"),
        Case("[\"10.0.0.10\"]", "[]", "postgres.hosts", 23, "must not be empty"),
        Case("[\"10.0.0.10\"]", "[\"a\", \"a\"]", "postgres.hosts[1]", 23, "is listed twice"),
        Case("[\"10.0.0.10\"]", "[{}]", "postgres.hosts[0]", 23, "must be a string, not an object"),
        Case("[\"operator\"]", "[\"operater\"]", "hosts[4].roles[0]", 15, "did you mean \"operator\"?"),
        Case("\"disabled\"", "\"off\"", "firewall.policy", 36, "must be one of disabled, allow-pod-network, leave"),
        Case("\"web\": 2", "\"web\": 2, \"web\": 3", "chatwoot.replicas.web", 29, "is defined twice, first on line 29"),
        Case("\"web\": 2", "\"web\": 2, \"w\\u0065b\": 3", "chatwoot.replicas.web", 29, "is defined twice"),
        Case("\"web\": 2", "\"web\": 0", "chatwoot.replicas.web", 29, "must be between 1 and 100, not 0"),
        Case("\"web\": 2", "\"web\": \"left\"", "chatwoot.replicas.web", 29, "whole number or \"leave\", not \"left\""),
        Case("\"web\": 2", "\"web\": \"2\"", "chatwoot.replicas.web", 29, "whole number or \"leave\", not \"2\""),
        Case("\"web\": 2", "\"web\": null", "chatwoot.replicas.web", 29, "whole number or \"leave\", not null"),
        Case("\"firewall\"", "\"limits\": {\"page\": 0}, \"firewall\"", "limits.page", 36, "between 1 and 86400"),
        Case(
            "\"environment\": {}", "\"environment\": { \"A\": 1 }", "chatwoot.environment.A", 34,
            "must be a string, not a number"),
        Case(
            "\"environment\": {}", "\"environment\": { \"A-B\": \"\" }", "chatwoot.environment.A-B", 34,
            "must be the name of an environment variable"),
    ]

    static let values = [
        Case("\"10.0.0.100\"", "\"10.0.0.300\"", "hosts[0].address", 11, "must be an IP address or a host name"),
        Case("\"10.0.0.100\"", "\"010.0.0.1\"", "hosts[0].address", 11, "must be an IP address or a host name"),
        Case("\"10.0.0.100\"", "\"10.0.0.100:22\"", "hosts[0].address", 11, "must be an IP address"),
        Case("\"10.0.0.100\"", "\"[fd00::1]\"", "hosts[0].address", 11, "without brackets, as fd00::1"),
        Case("\"10.0.0.100\"", "\"10.233.64.5\"", "hosts[0].address", 11, "is in cluster.podCIDR"),
        Case("\"k8s-master-01\"", "\"K8s\"", "hosts[0].name", 11, "must be lower-case letters"),
        Case("\"10.0.0.0/16\"", "\"10.0.0.1/16\"", "cluster.nodeNetwork", 19, "bits set beyond its first 16"),
        Case("\"10.0.0.0/16\"", "\"10.0.0.0/33\"", "cluster.nodeNetwork", 19, "must be a network"),
        Case("\"10.0.0.0/16\"", "\"10.0.0.0\"", "cluster.nodeNetwork", 19, "must be a network"),
        Case("\"/root/.kube/config\"", "\"~/.kube/config\"", "cluster.kubeconfig", 18, "must be an absolute path"),
        Case("\"/var/lib/keybuzz-lab/ssh/id_ed25519\"", "\"~bob/key\"", "ssh.key", 7, "another account's home"),
        Case(
            "\"firewall\"", "\"backup\": {\"host\": \"install-01\", \"directory\": \"~/x\"}, \"firewall\"",
            "backup.directory", 36, "must be an absolute path on the remote host"),
        Case("\"1\"", "\"1Gi\"", "chatwoot.resources.limits.cpu", 32, "must be an amount of CPU"),
        Case("\"64Mi\"", "\"64mb\"", "chatwoot.resources.requests.memory", 31, "must be an amount of memory"),
        Case("\"64Mi\"", "\"64\"", "chatwoot.resources.requests.memory", 31, "must be an amount of memory"),
        Case("\"support.keybuzz.io\"", "\"https://a.b\"", "chatwoot.domain", 28, "without scheme or path"),
        Case("\"support.keybuzz.io\"", "\"support\"", "chatwoot.domain", 28, "must be a fully qualified host name"),
        Case("\"support.keybuzz.io\"", "\"a..io\"", "chatwoot.domain", 28, "must be lower-case letters"),
        Case(
            image, "ghcr.io/keybuzzio/chatwoot", "chatwoot.image", 27, "names neither a tag nor a digest"),
        Case(image, "ghcr.io/Key/chatwoot:v1", "chatwoot.image", 27, "has a bad repository part \"Key\""),
        Case(image, "ghcr.io/a/b@sha256:12", "chatwoot.image", 27, "has a bad digest"),
        Case(image, "quay.io/a/b:v1", "registry.server", 25, "is not the registry of chatwoot.image (quay.io)"),
        Case("\"ghcr.io\"", "\"https://ghcr.io\"", "registry.server", 25, "without scheme"),
        Case("\"environment\": {}", "\"namespace\": \"a.b\"", "chatwoot.namespace", 34, "must be lower-case letters"),
        Case(
            "\"environment\": {}", "\"namespace\": \"\(String(repeating: "a", count: 64))\"", "chatwoot.namespace", 34,
            "must be at most 63 characters long, not 64"),
        Case(
            "\"environment\": {}", "\"database\": \"\(String(repeating: "é", count: 32))\"", "chatwoot.database", 34,
            "is 64 bytes long"),
        Case("\"environment\": {}", "\"database\": \"postgres\"", "chatwoot.database", 34, "administrator's database"),
        Case("\"environment\": {}", "\"databaseUser\": \"a\\\"b\"", "chatwoot.databaseUser", 34, "must not contain"),
        Case(
            "\"firewall\"", "\"objectStorage\": {\"endpoint\": \"10.0.0.134:9000\", \"bucket\": \"abc\"}, \"firewall\"",
            "objectStorage.endpoint", 36, "must be http:// or https://"),
        Case(
            "\"firewall\"", "\"objectStorage\": {\"endpoint\": \"http://h.io\", \"bucket\": \"A\"}, \"firewall\"",
            "objectStorage.bucket", 36, "must be a bucket's name"),
    ]

    static let combinations = [
        Case(
            "\"firewall\"", "\"backup\": {\"host\": \"backup-09\"}, \"firewall\"", "backup.host", 36,
            "is not one of the hosts: k8s-master-01"),
        Case("k8s-worker-01", "k8s-master-02", "hosts[3].name", 14, "is already the name of hosts[1] (line 12)"),
        Case("10.0.0.110", "10.0.0.101", "hosts[3].address", 14, "is already the address of hosts[1] (line 12)"),
        Case("10.233.64.0/18", "10.233.0.0/16", "cluster.serviceCIDR", 21, "overlaps podCIDR 10.233.0.0/16"),
        Case("\"50m\"", "\"1001m\"", "chatwoot.resources.limits.cpu", 32, "1 is less than the request 1001m"),
        Case("\"knownHosts\"", "\"agent\": \"a\", \"knownHosts\"", "ssh.agent", 8, "must not be combined with \"key\""),
        Case(
            "    \"key\": \"/var/lib/keybuzz-lab/ssh/id_ed25519\",\n", "", "ssh", 5, "either \"key\" or \"agent\""),
        Case("\"user\": \"root\"", "\"via\": \"k8s-worker-1\"", "ssh.via", 6, "did you mean \"k8s-worker-01\"?"),
        Case("\"user\": \"root\"", "\"via\": \"direct\"", "ssh.via", 6, "is not a host of the inventory"),
        Case("\"user\": \"root\"", "\"via\": \"10.0.0.20:22\"", "ssh.via", 6, "must be lower-case letters"),
        Case(
            "\"10.0.0.100\"", "\"10.0.0.100\", \"via\": \"gate\"", "hosts[0].via", 11, "is not a host of the inventory"),
        Case(
            "\"10.0.0.100\"", "\"10.0.0.100\", \"via\": \"k8s-master-01\"", "hosts[0].via", 11,
            "must not be the host itself"),
        Case("\"k8s-worker-01\"", "\"direct\"", "hosts[3].name", 14, "must not be \"direct\""),
    ]

    @Test(arguments: keysAndTypes + values + combinations + services)
    func oneMistakeIsReportedAloneWithItsPathAndLine(_ example: Case) throws {
        let problems = InventorySample.problems(in: try InventorySample.changed([(example.old, example.new)]))
        let problem = try #require(problems.first)
        #expect(problems.count == 1, "\(problems)")
        #expect(problem.path == example.path)
        #expect(problem.line == example.line)
        #expect(problem.message.contains(example.message), "\(problem.message)")
    }

    @Test(arguments: [
        ("POSTGRES_PASSWORD", "x", "is a secret"), ("SECRET_KEY_BASE", "x", "is a secret"),
        ("DATABASE_URL", "x", "would override"), ("RAILS_ENV", "development", "is set by the steps"),
        ("POSTGRES_DB", "x", "is not read by Chatwoot"), ("SMTP_TLS", "false", "counts as switched on"),
        ("SMTP_SSL", "", "counts as switched on"), ("SMTP_PASSWORD", "x", "looks like a secret"),
    ])
    func variablesThatAreNotTheOperatorsAreRefused(name: String, value: String, message: String) throws {
        let text = try InventorySample.changed([("\"environment\": {}", "\"environment\": {\"\(name)\": \"\(value)\"}")]
        )
        let problems = InventorySample.problems(in: text)
        #expect(problems.map(\.path) == ["chatwoot.environment.\(name)"])
        #expect(problems.first?.message.contains(message) == true, "\(problems)")
    }

    @Test func everyMistakeIsReportedAtOnceInTheOrderOfTheText() throws {
        let text = try InventorySample.changed([
            ("\"version\": 1,", "\"version\": 1, \"version\": 1,"), ("\"user\": \"root\"", "\"usr\": \"root\""),
            ("10.0.0.110", "10.0.0.101"), ("10.233.64.0/18", "10.233.0.0/16"), ("\"1\"", "\"one\""),
            ("\"support.keybuzz.io\"", "7"), ("  \"firewall\": { \"policy\": \"disabled\" },\n", ""),
        ])
        let problems = InventorySample.problems(in: text)
        #expect(
            problems.map(\.path) == [
                "firewall", "version", "ssh.usr", "hosts[3].address", "cluster.serviceCIDR", "chatwoot.domain",
                "chatwoot.resources.limits.cpu",
            ])
    }

    @Test func aMissingSectionIsOneMistake() throws {
        let problems = InventorySample.problems(in: "{\"version\": 1, \"name\": \"x\"}")
        #expect(
            Set(problems.map(\.path)) == ["ssh", "hosts", "cluster", "postgres", "redis", "chatwoot", "firewall"])
        #expect(problems.allSatisfy { $0.message == "is missing" && $0.line == 1 })
    }

    @Test func oneAddressInTwoSpellingsIsADuplicate() throws {
        let text = try InventorySample.changed([("10.0.0.100", "fd00::1"), ("10.0.0.110", "fd00:0:0::1")])
        #expect(InventorySample.problems(in: text).map(\.path) == ["hosts[3].address"])
    }

    @Test func hostsWithoutAMasterAreRefused() throws {
        let text = InventorySample.lab.replacing("[\"master\"]", with: "[\"worker\"]")
        #expect(InventorySample.problems(in: text).map(\.path) == ["hosts"])
    }

    @Test func aWayThatGoesRoundIsReportedOnceHoweverManyHostsGoIt() throws {
        let own = try InventorySample.changed([
            ("\"10.0.0.100\"", "\"10.0.0.100\", \"via\": \"k8s-master-02\""),
            ("\"10.0.0.101\"", "\"10.0.0.101\", \"via\": \"k8s-master-03\""),
            ("\"10.0.0.102\"", "\"10.0.0.102\", \"via\": \"k8s-master-02\""),
        ])
        let problem = try #require(InventorySample.problems(in: own).first)
        #expect(InventorySample.problems(in: own).count == 1)
        #expect(problem.path == "hosts[1].via" && problem.line == 12)
        #expect(problem.message.contains("k8s-master-02 → k8s-master-03 → k8s-master-02"))

        // The worker has the jump host of all, which itself goes through the worker.
        let inherited = try InventorySample.changed([
            ("\"user\": \"root\"", "\"via\": \"install-01\""),
            ("\"10.0.0.20\"", "\"10.0.0.20\", \"via\": \"k8s-worker-01\""),
        ])
        #expect(InventorySample.problems(in: inherited).map(\.path) == ["hosts[4].via"])
        let mended = inherited.replacing("\"10.0.0.110\"", with: "\"10.0.0.110\", \"via\": \"direct\"")
        #expect(InventorySample.problems(in: mended) == [])
    }

    @Test func everyJumpHostMistakeIsReportedAtOnce() throws {
        let text = try InventorySample.changed([
            ("\"user\": \"root\"", "\"via\": \"nobody\""),
            ("\"10.0.0.100\"", "\"10.0.0.100\", \"via\": \"k8s-master-01\""),
            ("\"10.0.0.101\"", "\"10.0.0.101\", \"via\": \"nowhere\""),
            ("\"10.0.0.110\"", "\"10.0.0.110\", \"via\": 7"),
        ])
        #expect(
            InventorySample.problems(in: text).map(\.path) == [
                "ssh.via", "hosts[0].via", "hosts[1].via", "hosts[3].via",
            ])
    }

    @Test func theErrorListsEachMistakeOnALineOfItsOwn() throws {
        let text = try InventorySample.changed([("\"port\": 5432", "\"port\": 0"), ("\"port\": 6379", "\"prot\": 0")])
        let error = try #require(throws: InventoryError.self) { try InventorySample.parse(text) }
        let lines = error.description.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines[0] == "2 mistakes in the inventory /etc/keybuzz/inventory.json:")
        #expect(lines[1].contains("inventory.json:23:49: postgres.port: must be between"))
        #expect(lines[2].contains("redis.prot: is not a key of the inventory; did you mean \"port\"?"))
        #expect(error.kind == .badInput)
    }

    @Test func aValueCannotWriteToTheTerminal() throws {
        let text = try InventorySample.changed([("\"support.keybuzz.io\"", "\"\\u001b[2Jx\"")])
        let problem = try #require(InventorySample.problems(in: text).first)
        #expect(problem.path == "chatwoot.domain")
        #expect(!problem.message.unicodeScalars.contains("\u{1B}"))
    }
}
