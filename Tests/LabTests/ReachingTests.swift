import Foundation
import Testing

/// Ways to hosts and services that are not straight, and the probe that tries them all.
extension RehearsalTests {
    /// The lab's inventory with the masters behind the worker.
    private static func behindTheWorker() throws -> Variant {
        try Variant(
            Dictionary(
                uniqueKeysWithValues: ["10.0.0.100", "10.0.0.101", "10.0.0.102"].map {
                    ("\"\($0)\"", "\"\($0)\", \"via\": \"k8s-worker-01\"")
                }))
    }

    /// The lab's inventory with PostgreSQL and Redis behind the masters.
    private static func tunnelled() throws -> Variant {
        try Variant([
            "\"port\": 5432": "\"port\": 5432, \"via\": \"ssh\"", "\"port\": 6379": "\"port\": 6379, \"via\": \"ssh\"",
        ])
    }

    @Test func theProbeNamesWhatIsWrongAndNothingElse() async throws {
        try await Lab.reset()
        let well = try await Lab.runner("inventory", "check", "--probe")
        #expect(well.status == 0, "\(well.output)")
        #expect(well.output.split(separator: "\n").count == 12)
        #expect(!well.output.contains("✗"))
        let secrets = SecretHunt()
        for secret in try secrets.values() { #expect(Data(well.output.utf8).range(of: Data(secret)) == nil) }

        let behind = try Self.behindTheWorker()
        let through = try await Lab.runner("inventory", "check", "--probe", "--inventory", behind.path)
        #expect(through.status == 0, "\(through.output)")
        #expect(through.output.contains("✓ k8s-master-01 over SSH: logged in as root through k8s-worker-01"))

        try await Lab.call("stop", "sshd@k8s-worker-01")
        let barred = try await Lab.runner("inventory", "check", "--probe", "--inventory", behind.path)
        #expect(barred.status == 69, "\(barred.output)")
        #expect(barred.output.components(separatedBy: "✗").count == 2, "one failure, the jump host's: \(barred.output)")
        #expect(barred.output.contains("✗ k8s-worker-01 over SSH: connect: connection refused"))
        let run = try await Lab.runner("run", "11", "--inventory", behind.path)
        #expect(run.status == 69)
        #expect(run.error.components(separatedBy: "connection refused").count == 2, "said once: \(run.error)")
        #expect(run.error.contains("jump host k8s-worker-01"))
        try await Lab.call("start", "sshd@k8s-worker-01")

        try await Lab.call("stop", "apiserver@k8s-master-01")
        try await Lab.call("stop", "redis")
        let poor = try await Lab.runner("inventory", "check", "--probe", "--format", "json")
        #expect(poor.status == 1)
        struct Line: Decodable {
            let subject: String
            let verdict: String
            let remedy: String?
        }
        let lines = try JSONDecoder().decode([Line].self, from: Data(poor.output.utf8))
        #expect(
            lines.filter { $0.verdict == "failed" }.map(\.subject) == [
                "API server through k8s-master-01", "Redis at 10.0.0.10:6379",
            ])
        #expect(lines.allSatisfy { ($0.verdict == "failed") == ($0.remedy != nil) })
        try await Lab.reset()
    }

    @Test func aRunThroughAJumpHostDoesTheSame() async throws {
        try await Lab.reset()
        let run = try await Lab.runner("run", "11", "--inventory", Self.behindTheWorker().path)
        #expect(run.status == 0, "\(run.error)")
        #expect(try await Lab.runner("plan", "11", "--detailed-exitcode").status == 0)
    }

    @Test func whenTheMasterUnderATunnelIsLostAnotherTakesOver() async throws {
        try await Lab.reset()
        // Holds the statement that makes the role until the master is gone.
        async let holding = Lab.sql("BEGIN; LOCK TABLE pg_authid IN EXCLUSIVE MODE; SELECT pg_sleep(15); COMMIT")
        try await eventually("the table is locked") {
            try await Lab.sql(
                "SELECT count(*) FROM pg_locks WHERE relation = 'pg_authid'::regclass AND mode = 'ExclusiveLock'"
            )
            .contains("1")
        }
        let running = try Lab.start(
            "run", "11", "--until", "11_ct_00_setup_credentials", "--inventory", try Self.tunnelled().path)
        try await eventually("the role is asked for") {
            try await Lab.sql(
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE ROLE%' AND wait_event = 'relation'"
            )
            .contains("1")
        }
        try await Lab.call("cut", "k8s-master-01")
        let run = try await running.wait()
        _ = try await holding
        #expect(run.status == 0, "\(run.error)")
        #expect(run.error.contains("k8s-master-01 no longer responds, continuing through k8s-master-02"))
        #expect(run.seconds < 60)
        try await Lab.reset()
    }
}
