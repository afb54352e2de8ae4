import Foundation
import Testing

/// Redis whose master Sentinels name.
extension RehearsalTests {
    /// Redis and PostgreSQL by tunnels, the master by Sentinels, one of which swallows what comes.
    @Test func theMasterOfSentinelsIsFoundThroughTunnels() async throws {
        try await Lab.reset()
        let sentinel = try await Sentinel.start()
        try await Self.withSwallowingAddress {
            let variant = try Variant([
                "\"redis\": { \"host\": \"10.0.0.10\", \"port\": 6379 }": """
                "redis": { "host": "10.0.0.10", "via": "ssh", "database": 2,
                  "sentinel": { "hosts": ["10.0.0.99", "10.0.0.12"] } }
                """,
                "\"port\": 5432": "\"port\": 5432, \"via\": \"ssh\"",
                "\"firewall\":": "\"limits\": { \"connect\": 5, \"service\": 5 }, \"firewall\":",
            ])
            let run = try await Lab.runner("run", "11", "--inventory", variant.path)
            #expect(run.status == 0, "\(run.error)")
            #expect(run.error.contains("has a Redis client that cannot use Sentinels"), "\(run.error)")
            let config = try await Lab.objects("-n", "chatwoot", "configmap", "chatwoot-config").first?["data"]
            let data = try #require(config as? [String: String])
            #expect(data["REDIS_SENTINELS"] == "10.0.0.99:26379,10.0.0.12:26379")
            #expect(data["REDIS_SENTINEL_MASTER_NAME"] == "mymaster/2")
            #expect(data["REDIS_URL"] == "redis://10.0.0.10:6379/2")
            let secret = try await Lab.objects("-n", "chatwoot", "secret", "chatwoot-secrets").first?["data"]
            #expect((secret as? [String: String])?["REDIS_SENTINEL_PASSWORD"] == "")
            #expect(try await Lab.runner("plan", "11", "--detailed-exitcode", "--inventory", variant.path).status == 0)

            let doctor = try await Lab.runner("doctor", "11", "--inventory", variant.path)
            #expect(doctor.status == 1, "\(doctor.output)")
            for line in [
                "✗ Sentinel at 10.0.0.99:26379: ",
                "✓ Sentinel at 10.0.0.12:26379: names 10.0.0.12:6379 as the master mymaster",
                "✓ Redis at 10.0.0.10:6379 for clients without Sentinel support: ",
            ] {
                #expect(doctor.output.contains(line), "\(doctor.output)")
            }

            // Nobody to fail over to: the one Sentinel that answers counts the master as down.
            try await Lab.call("stop", "redis")
            try await eventually("the Sentinel counts the master as down") {
                try await sentinel.ask("sentinel", "master", "mymaster").contains("o_down")
            }
            let down = try await Lab.runner("run", "11", "--inventory", variant.path)
            #expect(down.status == 1, "\(down.error)")
            #expect(down.error.contains("the master 10.0.0.12:6379 is down"), "\(down.error)")
            try await Lab.call("start", "redis")
        }
        try await sentinel.stop()
        try await Lab.reset()
    }

    /// A Sentinel on the host of the lab's Redis, which watches it.
    private struct Sentinel {
        static let host = "redis-01"

        static func start() async throws -> Sentinel {
            let file = "/tmp/sentinel.conf"
            let password = try String(contentsOfFile: "\(Lab.home)/secrets/redis", encoding: .utf8)
            let lines = [
                "port 26379", "bind 10.0.0.12 127.0.0.1", "daemonize yes", "dir /tmp",
                "sentinel monitor mymaster 10.0.0.12 6379 1", "sentinel auth-pass mymaster \(password)",
                "sentinel down-after-milliseconds mymaster 1000",
            ]
            try await Lab.call(
                "shell", host, "sh", "-c", "umask 077; cat > \(file)",
                input: lines.joined(separator: "\n") + "\n")
            // What stays open in a daemon would keep Foundation waiting for the end of the command.
            try await Lab.call(
                "shell", host, "python3", "-c",
                "import os; os.closerange(3, os.sysconf('SC_OPEN_MAX')); os.execvp('redis-server', "
                    + "['redis-server', '\(file)', '--sentinel'])")
            let sentinel = Sentinel()
            try await eventually("the Sentinel sees the master") {
                try await sentinel.ask("sentinel", "get-master-addr-by-name", "mymaster").contains("6379")
            }
            return sentinel
        }

        func ask(_ words: String...) async throws -> String {
            let command = [Lab.command, "shell", Self.host, "redis-cli", "-p", "26379"] + words
            return try await Command(command).run().output
        }

        func stop() async throws {
            try await Lab.call("shell", Self.host, "redis-cli", "-p", "26379", "shutdown")
        }
    }
}
