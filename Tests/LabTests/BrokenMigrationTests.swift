import Foundation
import TestSupport
import Testing

/// What becomes of a first migration whose pod, or whose node, goes in the middle of it.
extension RehearsalTests {
    /// How far it is, in the database and in Redis.
    enum MigrationPhase: String, CaseIterable {
        case schemaLoad = "during the schema load"
        case beforeSeed = "before the seed"
        case duringSeed = "during the seed"

        func isReached() async throws -> Bool {
            let databases = "SELECT count(*) FROM pg_database WHERE datname = 'chatwoot'"
            guard try await Lab.sql(databases) == "1" else { return false }
            let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
            let isLoaded = "SELECT to_regclass('ar_internal_metadata') IS NOT NULL"
            let loaded = try await Lab.sql(isLoaded, database: "chatwoot") == "t"
            switch self {
            case .schemaLoad:
                guard !loaded, let count = Int(try await Lab.sql(tables, database: "chatwoot")) else { return false }
                return count > 3
            case .beforeSeed: return loaded
            case .duringSeed:
                let configs = "SELECT count(*) FROM installation_configs"
                guard loaded else { return false }
                return try await Lab.sql(configs, database: "chatwoot") != "0"
            }
        }
    }

    /// How the migration is cut off.
    private enum MigrationCut: String {
        case killed = "the migration's process killed"
        case deleted = "the migration's pod deleted at once"
        case nodeGone = "the node of the migration cut off for a minute"

        /// Whether it was in time.
        func happens() async throws -> Bool {
            switch self {
            case .killed:
                let kill = ["shell", "k8s-worker-01", "pkill", "-KILL", "-f", "db:chatwoot_prepare"]
                let killed = try await Command([Lab.command] + kill).run()
                // 1: there was no such process any more.
                try #require([0, 1].contains(killed.status), "\(killed.error)")
                return killed.status == 0
            case .deleted:
                guard try await isRunning() else { return false }
                try await Lab.call(
                    "kubectl", "-n", "chatwoot", "delete", "pod", "-l", "component=migrations", "--grace-period=0",
                    "--force")
            case .nodeGone:
                guard try await isRunning() else { return false }
                try await Lab.call("cut", "k8s-worker-01")
                try await Task.sleep(for: .seconds(60))
                try await Lab.call("heal", "k8s-worker-01")
            }
            return true
        }

        private func isRunning() async throws -> Bool {
            let pods = try await Lab.objects(
                "-n", "chatwoot", "pods", "-l", "component=migrations", "--field-selector", "status.phase=Running")
            return !pods.isEmpty
        }
    }

    @Test func aMigrationThatIsKilledIsDoneOnce() async throws { try await cutOff(.killed) }

    @Test func aMigrationWhosePodIsDeletedIsDoneOnce() async throws { try await cutOff(.deleted) }

    @Test func aMigrationWhoseNodeIsGoneIsDoneOnce() async throws { try await cutOff(.nodeGone) }

    private func cutOff(_ cut: MigrationCut) async throws {
        let slow = try Variant([
            "\"replicas\"": "\"environment\": {\"STANDIN_SCHEMA_SECONDS\": \"4\", \"STANDIN_SEED_DELAY\": \"4\"}, "
                + "\"replicas\""
        ]).path
        try await Lab.reset()
        let whole = try await Lab.runner("run", "11", "--inventory", slow)
        try #require(whole.status == 0, "\(whole.error)")
        let undisturbed = try await Platform.fingerprint()
        var numbers = SeededNumbers()
        for phase in Lab.chosen(MigrationPhase.allCases) {
            let times = Lab.isThorough ? 5 : 1
            var (done, tries) = (0, 0)
            while done < times {
                tries += 1
                try #require(tries < 3 * times + 3, "\(cut.rawValue) \(phase.rawValue): only \(done) came in time")
                if try await isCutOff(cut, phase, inventory: slow, undisturbed, &numbers) { done += 1 }
            }
            survived(
                "\(cut.rawValue) \(phase.rawValue)", times: times,
                oracle:
                    "done again where the database shows that it was cut off; ends with the objects and the database of "
                    + "an undisturbed run, the same secrets, an intact record, no secret in a file", seed: numbers.seed)
        }
    }

    /// Whether the migration was cut off in time; if so, it is checked what became of it.
    private func isCutOff(
        _ cut: MigrationCut, _ phase: MigrationPhase, inventory: String, _ undisturbed: [String],
        _ numbers: inout SeededNumbers
    ) async throws -> Bool {
        try await Lab.reset()
        let run = try Lab.start("run", "11", "--inventory", inventory)
        try await eventually(phase.rawValue) { try await phase.isReached() }
        try await Task.sleep(for: .milliseconds(Int.random(in: 0...700, using: &numbers)))
        guard try await cut.happens() else {
            let end = try await run.wait()
            #expect(end.status == 0, "\(end.error)")
            return false
        }
        let secrets = try await Platform.presentSecrets()
        let end = try await run.wait()
        let words = "\(cut.rawValue) \(phase.rawValue): \(end.status) \(end.error)"
        var resumed = ""
        try await Lab.call("settle")
        if end.status != 0 {
            let result = try await Lab.runner("resume", "--inventory", inventory)
            resumed = result.error
            #expect(result.status == 0, "\(words)\n\(resumed)")
        }
        print("\(words)\n\(resumed)")
        try await Platform.expectRecovered(as: undisturbed, "\(words)\n\(resumed)")
        #expect(try await Platform.generatedSecrets() == secrets, "\(words)")
        return true
    }
}
