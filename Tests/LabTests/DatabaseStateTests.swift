import Foundation
import Testing

/// Each state that a database can be found in is recognised, and handled so that no data is lost.
extension RehearsalTests {
    private func sql(_ statements: String) async throws {
        try await Lab.call(
            "psql", "-d", "chatwoot", "-v", "ON_ERROR_STOP=1", "-qc", "SET ROLE chatwoot; \(statements)")
    }

    private func onboarding() async throws -> Bool {
        try await Lab.call("redis-cli", "exists", "alfred:CHATWOOT_INSTALLATION_ONBOARDING").contains("1")
    }

    @Test func aSchemaLoadThatWasCutOffIsDoneAgain() async throws {
        try await Lab.reset()
        let prepared = try await Lab.runner("run", "11", "--until", "add_imagepullsecrets")
        #expect(prepared.status == 0, "\(prepared.error)")
        try await sql("CREATE TABLE accounts (half int); CREATE TABLE users (id int)")
        let plan = try await Lab.runner("plan", "11")
        #expect(
            plan.output.contains(
                "again from scratch, because an earlier load was cut off after 2 tables"), "\(plan)")
        try await Lab.runToTheEnd()
        #expect(try await Lab.sql("SELECT count(*) FROM schema_migrations", database: "chatwoot") == "42")
        #expect(try await onboarding())
    }

    @Test func aDatabaseThatIsNotWhatItSeemsIsNamedAndNeverDropped() async throws {
        try await Lab.reset()
        try await Lab.runToTheEnd()

        // The seed was cut off among the settings: nobody could create the first account.
        let settings = "SELECT name, serialized_value FROM installation_configs ORDER BY 1"
        let complete = try await Lab.sql(settings, database: "chatwoot")
        try await Lab.call("redis-cli", "del", "alfred:CHATWOOT_INSTALLATION_ONBOARDING")
        try await sql("DELETE FROM installation_configs WHERE id % 2 = 0")
        let unseeded = try await Lab.runner("plan", "11")
        #expect(unseeded.output.contains("set the onboarding key in Redis"), "\(unseeded)")
        #expect(unseeded.output.contains("in a Job; the seed never finished"), "\(unseeded)")
        try await Lab.runToTheEnd()
        #expect(try await onboarding())
        #expect(try await Lab.sql(settings, database: "chatwoot") == complete)

        // The same, and the settings are missing too: the task's own run is needed as well.
        try await Lab.call("redis-cli", "del", "alfred:CHATWOOT_INSTALLATION_ONBOARDING")
        try await sql("DELETE FROM installation_configs")
        let bare = try await Lab.runner("plan", "11")
        #expect(bare.output.contains("set the onboarding key") && bare.output.contains("in a Job"), "\(bare)")

        try await Lab.runToTheEnd()
        #expect(try await onboarding())
        #expect(try await Lab.sql("SELECT count(*) > 20 FROM installation_configs", database: "chatwoot") == "t")

        // Data without the one table that tells the task that it is there: it would drop all of it.
        try await Stored.settleIn()
        let rows = try await Stored.rows()
        let jobs = try await Platform.migrations().keys.sorted()
        try await sql("CREATE SCHEMA spare; ALTER TABLE ar_internal_metadata SET SCHEMA spare")
        for arguments in [["plan", "11"], ["run", "11"], ["run", "11", "--no-backup"]] {
            let refused = try await Command([Lab.command, "run", Lab.runner] + arguments).run()
            #expect(refused.status == 1, "\(arguments): \(refused.error)")
            #expect(
                refused.error.contains("it has rows in 4 of 68 tables (conversations 500, "), "\(refused.error)")
            #expect(
                refused.error.contains(
                    "users 3, accounts 1) and no ar_internal_metadata (there is one in schema spare"),
                "\(refused.error)")
            #expect(refused.error.contains("would drop all tables") && refused.error.contains("→"))
        }
        #expect(try await Stored.rows() == rows)
        #expect(try await Platform.migrations().keys.sorted() == jobs)
        // The remedy: the table comes back, as from a whole backup.
        try await sql("ALTER TABLE spare.ar_internal_metadata SET SCHEMA public; DROP SCHEMA spare")
        try await Lab.runToTheEnd()
        #expect(try await Stored.rows() == rows)

        // Users beside the onboarding page: anybody could make himself administrator.
        try await Lab.call("redis-cli", "set", "alfred:CHATWOOT_INSTALLATION_ONBOARDING", "true")
        let open = try await Lab.runner("plan", "11")
        #expect(open.output.contains("remove the onboarding key from Redis"), "\(open)")
        try await Lab.runToTheEnd()
        #expect(try await !onboarding())
        #expect(try await Lab.runner("plan", "11", "--detailed-exitcode").status == 0)
    }

    /// What a partial restore leaves: Chatwoot's own tables, but for those that `remove` takes away.
    private func restored(removing remove: String) async throws -> BackupStored {
        try await Lab.reset()
        try await Lab.runToTheEnd()
        try await Stored.settleIn()
        try await sql(remove)
        return try await BackupStored(
            accounts: Lab.sql("SELECT count(*) FROM accounts", database: "chatwoot"),
            conversations: Lab.sql("SELECT count(*) FROM conversations", database: "chatwoot"),
            jobs: Platform.migrations().keys.sorted())
    }

    private struct BackupStored: Equatable {
        let accounts: String
        let conversations: String
        let jobs: [String]
    }

    @Test(arguments: [
        ("DELETE FROM users; DROP TABLE ar_internal_metadata", "no ar_internal_metadata, as after a partial restore"),
        (
            "DELETE FROM users; DELETE FROM ar_internal_metadata; DELETE FROM schema_migrations",
            "no migrations in schema_migrations"
        ),
        ("DELETE FROM users", "no users, and Redis has no onboarding key"),
    ])
    func dataWithoutUsersIsRefusedWithItsFiguresAndNeverDropped(_ remove: String, _ words: String) async throws {
        let before = try await restored(removing: remove)
        for arguments in [["plan", "11"], ["run", "11"], ["run", "11", "--no-backup"]] {
            let refused = try await Command([Lab.command, "run", Lab.runner] + arguments).run()
            #expect(refused.status == 1, "\(arguments): \(refused.error)")
            #expect(refused.error.contains("tables (conversations 500, "), "\(refused.error)")
            #expect(refused.error.contains("accounts 1) and \(words)"), "\(refused.error)")
            #expect(refused.error.contains("`runner run 11 --reset-database`"), "\(refused.error)")
        }
        let doctor = try await Lab.runner("doctor", "11")
        #expect(doctor.output.contains(words), "\(doctor.output)")
        #expect(try await Lab.sql("SELECT count(*) FROM accounts", database: "chatwoot") == before.accounts)
        #expect(try await Lab.sql("SELECT count(*) FROM conversations", database: "chatwoot") == before.conversations)
        #expect(try await Platform.migrations().keys.sorted() == before.jobs)
        #expect(try await !onboarding(), "nobody may become administrator of what is there")
    }
}
