import Foundation
import Testing

/// What goes wrong outside must be named with its cause and its remedy, and leave nothing half-written.
extension RunTests {
    /// Runs against a platform with one fault, and expects the run to end before its first step.
    private func refused(
        _ status: Int32, saying words: [String], environment: [String: String] = [:], inventory: String? = nil
    ) async throws {
        let before = try await Platform.resourceVersions()
        let generated = FileManager.default.contents(atPath: "\(Lab.credentials)/chatwoot.env")
        let arguments = ["run", "11"] + (inventory.map { ["--inventory", $0] } ?? [])
        let run = try await Command([Lab.command, "run", Lab.runner] + arguments, environment: environment).run()
        #expect(run.status == status, "\(run.error)")
        for word in words { #expect(run.error.contains(word), "no '\(word)' in: \(run.error)") }
        #expect(run.error.contains("→"), "a remedy is named")
        #expect(run.seconds < 30)
        #expect(try await Platform.resourceVersions() == before)
        #expect(try await Lab.call("shell", "k8s-worker-01", "ufw", "status").hasPrefix("Status: active"))
        #expect(FileManager.default.contents(atPath: "\(Lab.credentials)/chatwoot.env") == generated)
        let secrets = SecretHunt()
        for secret in try secrets.values() { #expect(!run.error.contains(String(decoding: secret, as: UTF8.self))) }
    }

    /// Puts other contents into a credentials file for the time of `work`.
    private func withCredentials(_ name: String, _ contents: String, _ work: () async throws -> Void) async throws {
        let path = "\(Lab.credentials)/\(name)"
        let original = FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
        func restore() throws {
            if let original { try put(original) } else { try FileManager.default.removeItem(atPath: path) }
        }
        func put(_ text: String) throws {
            try text.write(toFile: path, atomically: false, encoding: .utf8)
            chmod(path, 0o600)
        }
        try put(contents)
        do {
            try await work()
        } catch {
            try restore()
            throw error
        }
        try restore()
    }

    @Test func servicesThatAreDownAreNamedBeforeAnythingIsChanged() async throws {
        try await Lab.reset()
        try await Lab.call("stop", "postgres")
        try await refused(1, saying: ["PostgreSQL", "10.0.0.10:5432"])
        try await Lab.call("start", "postgres")
        try await Lab.call("stop", "redis")
        try await refused(1, saying: ["Redis", "10.0.0.10:6379"])
        try await Lab.call("stop", "postgres")
        // All of it at once.
        try await refused(1, saying: ["PostgreSQL", "Redis"])
        try await Lab.reset()
    }

    @Test func wrongPasswordsAreNamedBeforeAnythingIsChanged() async throws {
        try await Lab.reset()
        try await withCredentials(
            "postgres.env", "POSTGRES_SUPERUSER=kb_admin\nPOSTGRES_SUPERPASS='not-the-password'\n"
        ) {
            try await refused(77, saying: ["kb_admin", "28P01"])
        }
        try await withCredentials("redis.env", "REDIS_PASSWORD=nottheredispassword\n") {
            try await refused(77, saying: ["Redis", "WRONGPASS"])
        }
        try await withCredentials("ghcr.env", "GHCR_USERNAME=keybuzz\nGHCR_TOKEN='no$such\"token'\n") {
            try await refused(77, saying: ["ghcr.io", "401", "read:packages"])
        }
        // Chatwoot would read these as something else.
        for password in ["#begins-with-hash", "0123456789", "a: b"] {
            try await withCredentials("redis.env", "REDIS_PASSWORD='\(password)'\n") {
                try await refused(77, saying: ["WRONGPASS", "Chatwoot"])
            }
        }
        // Nothing is asked with a password that the record could not hide.
        for password in ["0123", "true"] {
            try await withCredentials("redis.env", "REDIS_PASSWORD='\(password)'\n") {
                try await refused(65, saying: ["keep the password of Redis out of the record", "common"])
            }
        }
        for (password, character) in [(#"ab"cd1234567"#, "\""), (#"ab\cd1234567"#, "\\")] {
            try await withCredentials("chatwoot.env", "CHATWOOT_PASSWORD='\(password)'\n") {
                try await refused(65, saying: ["Chatwoot", character])
            }
        }
        #expect(!FileManager.default.fileExists(atPath: "\(Lab.credentials)/chatwoot.env"))
        // A file that others can read, and one that needs a shell.
        try await withCredentials("ghcr.env", "GHCR_USERNAME=keybuzz\nGHCR_TOKEN=$(cat /etc/passwd)\n") {
            try await refused(65, saying: ["ghcr.env", "2"])
        }
    }

    @Test func hostKeysThatAreWrongUnknownOrRevokedAreRefusedAndNothingIsSent() async throws {
        try await Lab.reset()
        let known = try String(contentsOfFile: "\(Lab.home)/ssh/known_hosts", encoding: .utf8)
        let lines = known.split(separator: "\n").map(String.init)
        let folder = FileManager.default.temporaryDirectory
        let stranger = folder.appending(path: "key-\(UUID().uuidString)").path
        let made = try await Command(["/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger]).run()
        #expect(made.status == 0)
        let strangeKey = try String(contentsOfFile: "\(stranger).pub", encoding: .utf8).split(separator: " ")[1]
        let cases: [(String, [String], [String])] = [
            ("unknown", lines.filter { !$0.contains("10.0.0.102") }, ["k8s-master-03", "SHA256:"]),
            (
                "changed",
                lines.map { $0.contains("10.0.0.102") ? "10.0.0.102 ssh-ed25519 \(strangeKey)" : $0 },
                ["k8s-master-03", "SHA256:"]
            ),
            (
                "revoked", lines + lines.filter { $0.contains("10.0.0.102") }.map { "@revoked \($0)" },
                ["k8s-master-03", "revoked"]
            ),
        ]
        for (name, contents, words) in cases {
            let path = folder.appending(path: "known-\(UUID().uuidString)").path
            try (contents.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
            let inventory = try Variant(replacing: "\(Lab.home)/ssh/known_hosts", with: path)
            let log = try await Lab.call("log", "sshd@k8s-master-03")
            try await refused(77, saying: words, inventory: inventory.path)
            let sent = try await Lab.call("log", "sshd@k8s-master-03").dropFirst(log.count)
            #expect(!sent.contains("Accepted") && !sent.contains("Failed publickey"), "\(name): \(sent)")
        }
    }

    @Test func whenAMasterIsDownAnotherTakesOverAndWithoutMastersNothingIsDone() async throws {
        try await Lab.reset()
        try await Lab.call("cut", "k8s-master-01")
        let run = try await Lab.runner("run", "11")
        #expect(run.status == 0, "\(run.error)")
        #expect(run.error.contains("k8s-master-01 does not answer"))
        #expect(try Platform.checkpoints().count == 7)
        try await Lab.call("heal", "k8s-master-01")
        try await Lab.call("settle")
        // What could not be seen to then is seen to now.
        let later = try await Lab.runner("run", "11")
        #expect(later.status == 0, "\(later.error)")
        #expect(later.error.contains("k8s-master-01: disable UFW"))

        try await Lab.reset()
        // In the middle of a run.
        let running = try Lab.start("run", "11")
        try await eventually("the migration begins") { try Platform.hasBegun("11_ct_04_run_migrations") }
        try await Lab.call("cut", "k8s-master-01")
        let survived = try await running.wait()
        #expect(survived.status == 0, "\(survived.error)")
        #expect(survived.error.contains("continuing through k8s-master-02"))
        #expect(try await Platform.migrations().values.filter { $0 == [1, 0] }.count == 1)

        try await Lab.reset()
        for master in ["k8s-master-01", "k8s-master-02", "k8s-master-03"] { try await Lab.call("cut", master) }
        let none = try await Lab.runner("run", "11")
        #expect(none.status == 69, "\(none.error)")
        for master in ["k8s-master-01", "k8s-master-02", "k8s-master-03"] { #expect(none.error.contains(master)) }
        try await Lab.reset()
    }

    @Test func theFirewallFollowsTheInventorysPolicy() async throws {
        try await Lab.reset()
        let allowing = try Variant(replacing: "\"disabled\"", with: "\"allow-pod-network\"")
        let run = try await Lab.runner("run", "11", "--inventory", allowing.path)
        #expect(run.status == 0, "\(run.error)")
        for node in ["k8s-master-01", "k8s-master-02", "k8s-master-03", "k8s-worker-01"] {
            let status = try await Lab.call("shell", node, "ufw", "status")
            #expect(status.hasPrefix("Status: active"))
            #expect(status.contains("ALLOW FWD   10.233.64.0/18"))
        }
        for node in Lab.nodes { #expect(try await Platform.page(through: node).status == "200") }
        let again = try await Lab.runner("run", "11", "--inventory", allowing.path)
        #expect(again.error.contains("0 applied, 7 in place"), "\(again.error)")

        // Left as module 2 made it, the migration's pod cannot reach the database, and that is what is said.
        try await Lab.reset()
        let leaving = try Variant([
            "\"disabled\"": "\"leave\"", "\"credentials\": {": "\"limits\": {\"migration\": 20}, \"credentials\": {",
        ])
        let left = try await Lab.runner("run", "11", "--inventory", leaving.path)
        #expect(left.status == 1)
        #expect(left.error.contains("Job chatwoot-migrations-"), "\(left.error)")
        #expect(try await Lab.call("shell", "k8s-worker-01", "ufw", "status").hasPrefix("Status: active"))
        // With the policy put right the same module finishes.
        let repaired = try await Lab.runner("run", "11")
        #expect(repaired.status == 0, "\(repaired.error)")
    }

    @Test func driftIsNamedAndRepaired() async throws {
        try await Lab.reset()
        try await Lab.runToTheEnd()
        try await Lab.call("kubectl", "-n", "chatwoot", "scale", "deployment/chatwoot-worker", "--replicas=1")
        try await Lab.call("kubectl", "-n", "chatwoot", "delete", "ingress", "chatwoot-ingress")
        try await Lab.call(
            "kubectl", "-n", "chatwoot", "patch", "configmap", "chatwoot-config", "--type=merge", "-p",
            #"{"data":{"POSTGRES_HOST":"10.9.9.9"}}"#)
        _ = try await Lab.sql("ALTER ROLE chatwoot CREATEDB")
        let plan = try await Lab.runner("plan", "11")
        #expect(plan.status == 0)
        for words in [
            "spec.replicas: 1 → 2", "create Ingress chatwoot/chatwoot-ingress",
            "data.POSTGRES_HOST: 10.9.9.9 → 10.0.0.10",
            "CREATEDB → NOCREATEDB",
        ] {
            #expect(plan.output.contains(words), "\(plan.output)")
        }
        try await Lab.runToTheEnd()
        let after = try await Lab.runner("plan", "11", "--detailed-exitcode")
        #expect(after.status == 0, "\(after.output)")
        #expect(after.output.contains("nothing to change"))
    }
}
