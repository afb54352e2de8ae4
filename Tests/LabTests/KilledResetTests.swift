import Foundation
import Testing

/// A reset that was killed before it removed the keys, after which somebody starts a run without the option.
extension RehearsalTests {
    private static let refusal = "contains keys of an earlier Chatwoot database: "

    @Test func keysThatAKilledResetLeftStopTheNextRun() async throws {
        try await Lab.reset()
        let clean = try await Lab.runner("plan", "11")
        #expect(clean.status == 0 && !clean.output.contains("earlier Chatwoot"), "\(clean)")
        try await Lab.runToTheEnd()
        try await Stored.settleIn()
        let rows = try await Stored.rows()

        // One way out: the old database is wanted after all.
        let first = try await killBeforeTheKeys()
        let refused = try await Lab.runner("run", "11", "--new")
        #expect(refused.status == 1, "\(refused.error)")
        for words in [
            Self.refusal, "1 queues of Sidekiq", "`runner run 11 --reset-database` removes these keys",
            #"rename its database back, as "chatwoot""#,
        ] {
            #expect(refused.error.contains(words), "\(refused.error)")
        }
        let plan = try await Lab.runner("plan", "11")
        #expect(plan.status == 1, "\(plan)")
        #expect((plan.output + plan.error).contains(Self.refusal), "\(plan)")
        #expect(try await Self.databases() == [first])
        #expect(try await Self.oldKeys() == "2")
        _ = try await Lab.sql(#"ALTER DATABASE "\#(first)" RENAME TO "chatwoot""#)
        try await Lab.runToTheEnd()
        #expect(try await Stored.rows() == rows)
        // Its job was run by the workers, on its own data; the other key is as it was.
        #expect(try await Self.oldKeys() == "1")

        // The other: the reset was meant.
        let second = try await killBeforeTheKeys()
        #expect(try await Lab.runner("run", "11", "--new").status == 1)
        let finishing = ["run", "11", "--reset-database", "--yes-reset=chatwoot"]
        let finished = try await Command([Lab.command, "run", Lab.runner] + finishing).run()
        #expect(finished.status == 0, "\(finished.error)")
        #expect(finished.error.contains("remove the old data's keys from Redis database 0"), "\(finished.error)")
        #expect(!finished.error.contains("to go back to it"), "it set nothing aside: \(finished.error)")
        #expect(try await Self.databases() == ["chatwoot", second])
        #expect(try await Stored.rows(of: second) == rows)
        #expect(try await Lab.sql("SELECT count(*) FROM users", database: "chatwoot") == "0")
        #expect(try await Self.oldKeys() == "0")
        let again = try await Lab.runner("run", "11")
        #expect(again.error.contains("0 applied, 7 in place"), "\(again.error)")
        for node in Lab.nodes { #expect(try await Platform.page(through: node).status == "200") }
    }

    /// Redis of a first installation is somebody else's already.
    @Test func anotherApplicationsSidekiqStopsAFirstRun() async throws {
        try await Lab.reset()
        try await Lab.call("redis-cli", "sadd", "processes", "billing-6f9:1:abcdef")
        try await Lab.call("redis-cli", "hset", "billing-6f9:1:abcdef", "beat", "1")
        let shared = try await Lab.runner("run", "11")
        #expect(shared.status == 1, "\(shared.error)")
        #expect(shared.error.contains("billing-6f9:1:abcdef is not Chatwoot's"), "\(shared.error)")
        #expect(shared.error.contains("redis.database in the inventory"), "\(shared.error)")
        #expect(try await Self.databases().isEmpty)
        let apart = try Variant(replacing: "\"redis\": {", with: "\"redis\": { \"database\": 3,")
        let run = try await Lab.runner("run", "11", "--inventory", apart.path)
        #expect(run.status == 0, "\(run.error)")
        try await Lab.reset()
    }

    /// Kills a reset while Redis keeps it waiting for the removal of the keys; the name of the database that was set aside.
    private func killBeforeTheKeys() async throws -> String {
        // A worker that is being stopped would wait for Redis as well.
        try await Lab.call(
            "kubectl", "-n", "chatwoot", "scale", "--replicas=0", "deployment/chatwoot-web",
            "deployment/chatwoot-worker")
        try await eventually("the pods are gone") {
            try await Lab.objects("-n", "chatwoot", "pods", "-l", "component in (web,worker)").isEmpty
        }
        try await Lab.call("redis-cli", "del", "queue:default", "alfred:OLD::1")
        try await Lab.call("redis-cli", "rpush", "queue:default", "{}")
        try await Lab.call("redis-cli", "set", "alfred:OLD::1", "1")
        try await Lab.call("redis-cli", "client", "pause", "120000", "write")
        let reset = try Lab.start("run", "11", "--reset-database", "--yes-reset=chatwoot")
        try await eventually("the reset waits for Redis") { try await Self.deletions() == 1 }
        reset.send(SIGKILL)
        #expect(try await reset.wait().status == 128 + SIGKILL)
        try await eventually("its connection to Redis is gone") { try await Self.deletions() == 0 }
        try await Lab.call("redis-cli", "client", "unpause")
        let databases = try await Self.databases()
        #expect(databases.count == 1)
        #expect(try await Self.oldKeys() == "2")
        return try #require(databases.first { $0.contains("_before_") })
    }

    /// How many clients of Redis wait for the removal of a key.
    private static func deletions() async throws -> Int {
        try await Lab.call("redis-cli", "client", "list").split(separator: "\n").count {
            // Within the term, which Redis checks in a script.
            $0.contains("cmd=eval ")
        }
    }

    private static func oldKeys() async throws -> String {
        try await Lab.call("redis-cli", "exists", "queue:default", "alfred:OLD::1")
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private static func databases() async throws -> [String] {
        try await Lab.sql("SELECT datname FROM pg_database WHERE datname LIKE 'chatwoot%' ORDER BY 1")
            .split(separator: "\n").map(String.init)
    }
}
