import Foundation
import Testing

/// `--reset-database` drops nothing, happens once whatever interrupts it, and leaves alone what is not Chatwoot's.
extension RehearsalTests {
    private static let resetting = ["run", "11", "--reset-database", "--yes-reset=chatwoot"]

    private func reset(_ more: String...) async throws -> Command.Result {
        try await Command([Lab.command, "run", Lab.runner] + Self.resetting + more).run()
    }

    /// Runs `runner` on a terminal, and types a line when it asks.
    private func typing(_ line: String, to arguments: [String]) async throws -> Command.Result {
        let command = ([Lab.command, "run", Lab.runner] + arguments).map { "'\($0)'" }.joined(separator: " ")
        return try await Command(
            ["/usr/bin/script", "--quiet", "--return", "--command", command, "/dev/null"], input: line + "\n"
        ).run()
    }

    private func databasesAside() async throws -> [String] {
        try await Lab.sql("SELECT datname FROM pg_database WHERE datname LIKE 'chatwoot%before%' ORDER BY 1")
            .split(separator: "\n").map(String.init)
    }

    @Test func aResetThatIsNotMeantOrNotPossibleChangesNothing() async throws {
        try await Lab.reset()
        let nothing = try await reset("--until", "11_ct_00_setup_credentials")
        #expect(nothing.status == 65, "\(nothing.error)")
        #expect(nothing.error.contains("there is no such database"))
        try await Lab.runToTheEnd()
        try await Stored.settleIn()
        let rows = try await Stored.rows()
        let before = try await Platform.resourceVersions()

        for (arguments, word) in [
            (["run", "11", "--reset-database"], "--yes-reset=chatwoot"),
            (["run", "11", "--reset-database", "--yes-reset=postgres"], "\"postgres\""),
            (["run", "11", "--yes-reset=chatwoot"], "--reset-database"),
            (Self.resetting + ["--plan", "/nowhere"], "--plan excludes --reset-database"),
            (["plan", "11", "--reset-database", "-o", "/nowhere/plan"], "cannot be carried out from a plan"),
            (Self.resetting + ["--only", "11_ct_03_tests"], "reset_database"),
        ] {
            let refused = try await Command([Lab.command, "run", Lab.runner] + arguments).run()
            #expect(refused.status == 64, "\(arguments): \(refused.error)")
            #expect(refused.error.contains(word), "\(arguments): \(refused.error)")
        }

        let mistyped = try await typing("chatwot", to: ["run", "11", "--reset-database"])
        #expect(mistyped.status == 64, "\(mistyped.output)")
        #expect(mistyped.output.contains("Type the database's name to continue:"))
        #expect(mistyped.output.contains("the name given is \"chatwot\""), "\(mistyped.output)")

        // Another application's Sidekiq lives in the same Redis: nobody could say whose jobs are whose.
        try await Lab.call("redis-cli", "sadd", "processes", "billing-6f9:1:abcdef")
        try await Lab.call("redis-cli", "hset", "billing-6f9:1:abcdef", "beat", "1")
        let shared = try await typing("chatwoot", to: ["run", "11", "--reset-database"])
        #expect(shared.status == 1)
        #expect(shared.output.contains("billing-6f9:1:abcdef"), "\(shared.output)")
        try await Lab.call("redis-cli", "del", "billing-6f9:1:abcdef")

        let plan = try await Lab.runner("plan", "11", "--reset-database")
        #expect(plan.status == 0, "\(plan.error)")
        for words in [
            "scale chatwoot-web and chatwoot-worker to 0", "from Redis database 0: ", "nothing is dropped",
            "create database \"chatwoot\"", "load the schema", "chatwoot-web: spec.replicas: 0 → 2",
        ] {
            #expect(plan.output.contains(words), "\(plan.output)")
        }
        let ordinary = try await Lab.runner("plan", "11")
        #expect(ordinary.output.contains("nothing to change") && !ordinary.output.contains("reset_database"))
        #expect(try await Platform.resourceVersions() == before)
        #expect(try await Stored.rows() == rows)
        #expect(try await databasesAside().isEmpty)
    }

    @Test func aResetIsDoneOnceWhateverInterruptsItAndCanBeUndone() async throws {
        try await Lab.reset()
        try await Lab.runToTheEnd()
        try await Stored.settleIn()
        let rows = try await Stored.rows()
        for key in ["other:app", "queue:somebody-elses", "cron_jobs", "alfredo"] {
            try await Lab.call("redis-cli", "set", key, "kept")
        }
        for key in ["alfred:OLD::1", "velma:rack::attack:1", "stat:processed:2026-11-24"] {
            try await Lab.call("redis-cli", "set", key, "1")
        }
        try await Lab.call("redis-cli", "zadd", "dead", "1", "{}")

        // Cut off while the pods are being stopped. Then somebody is still connected: the database stays as it is.
        let hasty = try Variant(
            replacing: "\"credentials\": {", with: "\"limits\": { \"service\": 4 }, \"credentials\": {")
        let first = try Lab.start(
            "run", "11", "--reset-database", "--yes-reset=chatwoot", "--inventory", hasty.path)
        try await eventually("the reset begins") { try Platform.hasBegun("reset_database") }
        try await Task.sleep(for: .milliseconds(Int.random(in: 0...800)))
        first.send(SIGKILL)
        #expect(try await first.wait().status == 128 + SIGKILL)
        #expect(try await Stored.rows() == rows)
        let pause = "pg_stat_activity WHERE query LIKE '%pg_sleep(300)%' AND pid <> pg_backend_pid()"
        let session = try Command([Lab.command, "psql", "-d", "chatwoot", "-c", "SELECT pg_sleep(300)"]).start()
        try await eventually("the session is there") { try await Lab.sql("SELECT count(*) FROM \(pause)") == "1" }
        let blocked = try await Lab.runner("resume", "--inventory", hasty.path)
        #expect(blocked.status == 1, "\(blocked.error)")
        #expect(blocked.error.contains("it is in use") && blocked.error.contains("psql"), "\(blocked.error)")
        #expect(try await Stored.rows() == rows)
        _ = try await Lab.sql("SELECT pg_terminate_backend(pid) FROM \(pause)")
        _ = try await session.wait()

        // Nobody is left outside a database that was not set aside, and no key is gone.
        #expect(try await Lab.sql("SELECT datallowconn FROM pg_database WHERE datname = 'chatwoot'") == "t")
        #expect(try await Lab.call("redis-cli", "exists", "alfred:OLD::1").contains("1"))

        // Killed while it goes on, again and again, until it is through.
        var kills = 0
        while true {
            let running = try Lab.start("resume", "--inventory", hasty.path)
            try await Task.sleep(for: .milliseconds(Int.random(in: 400...1500) * (1 + kills / 4)))
            guard running.isRunning else {
                let end = try await running.wait()
                #expect(end.status == 0, "\(end.error)")
                break
            }
            running.send(SIGKILL)
            _ = try await running.wait()
            kills += 1
            #expect(try await databasesAside().count <= 1)
        }
        print("killed \(kills) times in a reset")
        #expect(kills > 0)
        let aside = try await databasesAside()
        let run = URL(filePath: try Platform.newestRun()).lastPathComponent
        #expect(aside == ["chatwoot_before_" + run.prefix(16).lowercased()])
        #expect(try await Stored.rows(of: aside[0]) == rows)
        #expect(try await Lab.sql("SELECT count(*) FROM users", database: "chatwoot") == "0")
        for key in ["other:app", "queue:somebody-elses", "cron_jobs", "alfredo"] {
            #expect(try await Lab.call("redis-cli", "get", key).contains("kept"), "\(key)")
        }
        for key in ["alfred:OLD::1", "velma:rack::attack:1", "stat:processed:2026-11-24", "dead"] {
            #expect(try await Lab.call("redis-cli", "exists", key).contains("0"), "\(key)")
        }
        for node in Lab.nodes { #expect(try await Platform.page(through: node).status == "200") }
        let again = try await Lab.runner("run", "11")
        #expect(again.error.contains("0 applied, 7 in place"), "\(again.error)")
        #expect(try await databasesAside() == aside)
        let verified = try await Lab.runner("audit", "verify", run)
        #expect(verified.status == 0, "\(verified.output)")

        // Back to the old one, as it was noted.
        let notes = try Platform.entries(of: run).filter { $0["kind"] as? String == "note" }
        let commands = try #require(notes.first?["text"] as? String).split(separator: "\n").map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        let scale = try #require(commands.first { $0.contains("kubectl") }).split(separator: " ").drop {
            $0 != "kubectl"
        }
        let scaled = try await Command([Lab.command] + scale.map(String.init)).run()
        #expect(scaled.status == 0, "\(scaled.error)")
        try await eventually("the pods are gone") {
            try await Lab.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = 'chatwoot'") == "0"
        }
        let renamings = commands.filter { $0.hasPrefix("ALTER DATABASE") }
        #expect(renamings.count == 2)
        for renaming in renamings { _ = try await Lab.sql(renaming) }
        try await Lab.runToTheEnd()
        #expect(try await Stored.rows() == rows)
        #expect(
            try await Lab.call("redis-cli", "exists", "alfred:CHATWOOT_INSTALLATION_ONBOARDING").contains("0"),
            "with users there, nobody may become administrator on the onboarding page")
        for node in Lab.nodes { #expect(try await Platform.page(through: node).status == "200") }
    }
}
