import Foundation
import Testing

/// Never two migrations at once, also where the cluster does not see whether the first one works.
extension RehearsalTests {
    private static func node(isReady wanted: Bool) async throws {
        try await eventually("the node is \(wanted ? "ready" : "silent")") {
            let node = try await Lab.objects("node/k8s-worker-01").first
            let conditions = (node?["status"] as? [String: Any])?["conditions"] as? [[String: Any]] ?? []
            return conditions.contains {
                $0["type"] as? String == "Ready" && ($0["status"] as? String == "True") == wanted
            }
        }
    }

    private static func tables() async throws -> Int {
        let count = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        return Int(try await Lab.sql(count, database: "chatwoot")) ?? 0
    }

    /// A first run whose migration loads the schema, which takes `seconds`, and the path of its inventory.
    private static func loading(
        seconds: Int, rollout: Int = 30
    ) async throws -> (run: Command.Running, inventory: String) {
        try await Lab.reset()
        let slow = try Variant([
            "\"replicas\"": "\"environment\": {\"STANDIN_SCHEMA_SECONDS\": \"\(seconds)\"}, \"replicas\"",
            "\"credentials\": {": "\"limits\": {\"migration\": 240, \"rollout\": \(rollout)}, \"credentials\": {",
        ]).path
        let running = try Lab.start("run", "11", "--inventory", slow)
        try await eventually("the schema is being loaded", within: .seconds(40)) {
            guard try await Lab.sql("SELECT count(*) FROM pg_database WHERE datname = 'chatwoot'") == "1" else {
                return false
            }
            return try await Self.tables() > 3
        }
        return (running, slow)
    }

    @Test func aMigrationWhoseNodeIsSilentIsWaitedForAndNeverRemoved() async throws {
        let (running, slow) = try await Self.loading(seconds: 75)
        try await Lab.call("stop", "kubelet")
        let failed = try await running.wait(atMost: .seconds(60))
        #expect(failed.status == 1, "\(failed.error)")
        #expect(failed.error.contains("node k8s-worker-01 is not ready"), "\(failed.error)")

        let resuming = try Lab.start("resume", "--inventory", slow)
        let before = try await Self.tables()
        try await eventually("the load goes on", within: .seconds(20)) { try await Self.tables() > before }
        try await Task.sleep(for: .seconds(5))
        #expect(resuming.isRunning)
        #expect(try await Platform.migrations().count == 1)
        try await Lab.call("start", "kubelet")
        let resumed = try await resuming.wait(atMost: .seconds(120))
        #expect(resumed.status == 0, "\(resumed.error)")
        #expect(resumed.error.contains("the database shows that it is running: session"), "\(resumed.error)")
        #expect(!resumed.error.contains("removing Job"), "\(resumed.error)")
        let migrations = try await Platform.migrations()
        #expect(migrations.count == 1 && migrations.values.first == [1, 0], "\(migrations)")
        for node in Lab.nodes { #expect(try await Platform.page(through: node).status == "200") }
    }

    /// A Job that is over has a pod that is not: its program does not react until the kubelet kills it.
    @Test func aNewAttemptWaitsUntilThePodOfTheOneBeforeIsGone() async throws {
        let (running, _) = try await Self.loading(seconds: 60)
        try await Lab.call("shell", "k8s-worker-01", "pkill", "-STOP", "-f", "db:chatwoot_prepare")
        let job = try #require(try await Platform.migrations().keys.first)
        try await Lab.call(
            "kubectl", "-n", "chatwoot", "patch", "job", job, "-p", #"{"spec": {"activeDeadlineSeconds": 1}}"#)
        let failed = try await running.wait(atMost: .seconds(60))
        #expect(failed.status == 1, "\(failed.error)")
        #expect(failed.error.contains("exceeded its time limit and was terminated"), "\(failed.error)")

        let again = try await Lab.runner("run", "11")
        print("a new attempt beside a pod that is terminating: \(again.seconds) s")
        #expect(again.status == 0, "\(again.error)")
        let waited = again.error.contains(#/waiting for pod \S+ of Job \S+ to terminate/#)
        #expect(waited, "\(again.error)")
        #expect(try await Platform.page(through: Lab.nodes[0]).status == "200")
    }

    /// Neither the cluster nor the database can tell: a person does.
    @Test func whatNobodySeesIsLeftToAPerson() async throws {
        let (running, slow) = try await Self.loading(seconds: 60, rollout: 20)
        try await Lab.call("stop", "kubelet")
        _ = try await running.wait(atMost: .seconds(60))
        try await Lab.call("shell", "k8s-worker-01", "pkill", "-KILL", "-f", "db:chatwoot_prepare")
        let refused = try await Lab.runner("resume", "--inventory", slow)
        #expect(refused.status == 1, "\(refused.error)")
        #expect(refused.error.contains("it may still be running, and two migrations would destroy"), "\(refused.error)")
        #expect(refused.error.contains("shows no session of it"), "\(refused.error)")
        #expect(try await Platform.migrations().count == 1)
        // What it tells a person to do, and then a new attempt.
        let commands = try #require(
            refused.error.firstMatch(of: /kubectl (-n chatwoot delete job [^ ]+ --ignore-not-found), then/))
        let pod = try #require(
            refused.error.firstMatch(of: /kubectl (-n chatwoot delete pod [^ ]+ --grace-period=0 --force)/))
        try await Lab.call(["kubectl"] + commands.1.split(separator: " ").map(String.init))
        try await Lab.call(["kubectl"] + pod.1.split(separator: " ").map(String.init))
        try await Lab.call("start", "kubelet")
        try await Self.node(isReady: true)
        let plain = try await Lab.runner("run", "11")
        #expect(plain.status == 0, "\(plain.error)")
    }
}
