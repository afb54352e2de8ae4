import Foundation
import Testing

/// Everything here happens on one cluster, so one test after the other; each says what it starts from.
@Suite(.serialized) struct RunTests {
    @Test func fromAnEmptyClusterToAServedPage() async throws {
        try await Lab.reset()
        let before = try await Platform.resourceVersions()
        let outside = try await Platform.outsideTheCluster()

        let plan = try await Lab.runner("plan", "11", "--detailed-exitcode")
        #expect(plan.status == 2, "\(plan.error)")
        for step in ["fix_ufw_k8s_nodes", "11_ct_00_setup_credentials", "11_ct_02_deploy_chatwoot", "11_ct_03_tests"] {
            #expect(plan.output.contains("\(step):\n"))
        }
        #expect(plan.output.contains("[proved]") && plan.output.contains("[predicted]"))
        #expect(plan.output.contains("[known after apply]"))
        #expect(try await Platform.resourceVersions() == before, "plan must not write")
        #expect(try await Platform.outsideTheCluster() == outside, "plan must not write")
        #expect(!FileManager.default.fileExists(atPath: "\(Lab.credentials)/chatwoot.env"))

        let secrets = SecretHunt()
        let running = try Lab.start("run", "11")
        let finds = try await secrets.watchProcesses(while: { running.isRunning })
        let run = try await running.wait()
        #expect(run.status == 0, "\(run.error)")
        #expect(run.seconds < 60)
        #expect(finds.isEmpty, "a secret was visible in a process: \(finds)")

        #expect(try Platform.checkpoints().count == 7)
        for name in ["chatwoot-web", "chatwoot-worker"] {
            let status =
                try await Lab.objects("-n", "chatwoot", "deployment/\(name)").first?["status"] as? [String: Any]
            #expect(status?["availableReplicas"] as? Int == 2)
        }
        for node in Lab.nodes {
            let page = try await Platform.page(through: node)
            #expect(page.status == "200")
            #expect(page.body.contains("Chatwoot"))
        }
        #expect(try secrets.inFiles(of: Lab.state).isEmpty)
        #expect(try await secrets.inServers().isEmpty)

        // And again: nothing to do, nothing changed.
        let versions = try await Platform.resourceVersions()
        let generated = try await Platform.generatedSecrets()
        let again = try await Lab.runner("run", "11")
        #expect(again.status == 0, "\(again.error)")
        #expect(again.error.contains("0 applied, 7 in place"))
        let commands = try await Self.commandsOnHosts()
        print("remote commands of a run with nothing to do: \(commands)")
        #expect((1...12).contains(commands))
        let changed = try await Platform.resourceVersions().filter { versions[$0.key] != $0.value }
        #expect(changed.isEmpty, "changed by a run with nothing to do: \(changed.keys.sorted())")
        #expect(try await Platform.generatedSecrets() == generated)
        // The target of 2.5 s is for the release build, and docs/performance.md says what that takes; a debug build is
        // about half as fast. The quickest of up to eight: what else two cores do at one moment is not the runner's time.
        let limit = 5.0
        var quickest = try Self.seconds(of: again)
        for _ in 1...7 where quickest >= limit {
            quickest = min(quickest, try Self.seconds(of: try await Lab.runner("run", "11")))
        }
        print("empty cluster to served page: \(run.seconds) s; nothing to do: \(quickest) s")
        #expect(quickest < limit)

        let verify = try await Lab.runner("audit", "verify")
        #expect(verify.status == 0, "\(verify.output)")
        try editOneByteOfTheLog(line: 20)
        let tampered = try await Lab.runner("audit", "verify")
        #expect(tampered.status == 65)
        #expect(tampered.output.contains("audit.jsonl, line 20"), "\(tampered.output)")
    }

    /// How many commands the newest run had executed in the hosts' shells.
    private static func commandsOnHosts() async throws -> Int {
        struct Record: Decodable { let host: String? }
        struct Inventory: Decodable {
            struct Host: Decodable { let name: String }
            let hosts: [Host]
        }
        let file = try Data(contentsOf: Lab.root.appending(path: "Tests/lab/inventory.json"))
        let hosts = Set(try JSONDecoder().decode(Inventory.self, from: file).hosts.map(\.name))
        let logs = try await Lab.runner("logs", "--format", "json")
        try #require(logs.status == 0, "\(logs.error)")
        let records = try JSONDecoder().decode([Record].self, from: Data(logs.output.utf8))
        return records.count { $0.host.map(hosts.contains) ?? false }
    }

    /// How long a run with nothing to do took, as it says itself: the lab's own wrapper is not counted.
    private static func seconds(of run: Command.Result) throws -> Double {
        let match = try #require(run.error.firstMatch(of: /7 in place, ([0-9.]+)s/), "\(run.error)")
        return try #require(Double(match.1))
    }

    private func editOneByteOfTheLog(line: Int) throws {
        let path = "\(try Platform.newestRun())/audit.jsonl"
        var lines = try String(contentsOfFile: path, encoding: .utf8).split(
            separator: "\n", omittingEmptySubsequences: false)
        let text = String(lines[line - 1])
        lines[line - 1] = Substring(text.replacing("T", with: "t", maxReplacements: 1))
        #expect(lines[line - 1] != text)
        try lines.joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
    }

    @Test func aSecondOperatorIsToldWhoHoldsTheModule() async throws {
        try await Lab.reset()
        let first = try Lab.start("run", "11", environment: ["RUNNER_FAILPOINT": "step.check:1:pause"])
        try await eventually("the first run holds the lease, and stands still") { try first.isStopped }
        let sameMachine = try await Lab.runner("run", "11")
        #expect(sameMachine.status == 75)
        let run = URL(filePath: try Platform.newestRun()).lastPathComponent
        #expect(sameMachine.error.contains(run), "\(sameMachine.error)")
        let elsewhere = try await Lab.runner("run", "11", "--state-dir", "\(Lab.home)/other-state")
        #expect(elsewhere.status == 75)
        let holder = #/held by root@install-01 \d+ since \S+ with run \S+, at step \w+( \d+ s ago)?; it expires in /#
        #expect(elsewhere.error.contains(run) && elsewhere.error.contains(holder), "\(elsewhere.error)")
        first.send(SIGCONT)
        let end = try await first.wait()
        #expect(end.status == 0, "\(end.error)")
    }

    @Test func anUpgradeMigratesFirstAndFailsNoRequest() async throws {
        try await Lab.reset()
        try await Lab.runToTheEnd()
        let newer = try Variant(replacing: "chatwoot-keybuzz:v3.12.0", with: "chatwoot-keybuzz:v3.13.0")
        let client = try Command(
            [
                Lab.command, "run", "python3", Lab.root.appending(path: "Tests/lab/steady-client").path,
                "support.keybuzz.io",
            ] + Lab.nodes
        ).start()
        let upgrade = try await Lab.runner("run", "11", "--inventory", newer.path)
        client.send(SIGTERM)
        let served = try await client.wait()
        #expect(upgrade.status == 0, "\(upgrade.error)")
        #expect(served.status == 0, "\(served.output)\(served.error)")
        print("while upgrading: \(served.output.trimmingCharacters(in: .whitespacesAndNewlines))")
        #expect(try await Lab.sql("SELECT count(*) FROM schema_migrations", database: "chatwoot") == "43")
        let page = try await Platform.page(through: Lab.nodes[0])
        #expect(page.body.contains("3.13.0"))
        // The migration's end must lie before the first new pod's start.
        let job = try #require(try await Platform.migrations(by: "chatwoot-keybuzz:v3.13.0").first)
        let migrated = try #require((job["status"] as? [String: Any])?["completionTime"] as? String)
        let pods = try await Lab.objects("-n", "chatwoot", "pods", "-l", "component in (web,worker)")
        for pod in pods {
            let metadata = pod["metadata"] as? [String: Any]
            guard metadata?["deletionTimestamp"] == nil else { continue }
            let created = try #require(metadata?["creationTimestamp"] as? String)
            #expect(created >= migrated)
        }
    }
}
