import Foundation
import Testing

/// Resets by an administrator with too few rights.
extension RehearsalTests {
    private static let resetting = ["run", "11", "--reset-database", "--yes-reset=chatwoot"]

    @Test func anAdministratorWithoutTheOwnersRightsChangesNothingInAReset() async throws {
        try await Lab.reset()
        try await Lab.runToTheEnd()
        _ = try await Lab.sql("ALTER ROLE kb_admin NOSUPERUSER NOCREATEDB CREATEROLE")
        let before = try await Platform.resourceVersions()
        do {
            let refused = try await Command([Lab.command, "run", Lab.runner] + Self.resetting).run()
            #expect(refused.status == 1, "\(refused.error)")
            for words in [
                #"belongs to "chatwoot", whose privileges "kb_admin" lacks"#,
                #""kb_admin" has no CREATEDB"#,
                #"in database "postgres": GRANT "chatwoot" TO "kb_admin"; ALTER ROLE "kb_admin" CREATEDB"#,
                // What a new database needs is checked before the old one is touched.
                #"in database "template1": CREATE EXTENSION pg_stat_statements"#,
            ] {
                #expect(refused.error.contains(words), "\(refused.error)")
            }
            #expect(try await Platform.resourceVersions() == before)
            #expect(
                try await Lab.sql("SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1")
                    == "chatwoot\npostgres\ntemplate1")
            // What the remedies say, and nothing else.
            let remedies = refused.error.matches(of: /in database "(\w+)": (.+?); then run again/)
            #expect(remedies.count >= 2)
            for remedy in remedies {
                for statement in remedy.2.split(separator: "; ") {
                    _ = try await Lab.sql(String(statement), database: String(remedy.1))
                }
            }
            let done = try await Command([Lab.command, "run", Lab.runner] + Self.resetting).run()
            #expect(done.status == 0, "\(done.error)")
            #expect(try await Lab.sql("SELECT count(*) FROM users", database: "chatwoot") == "0")
        }
        _ = try await Lab.sql("ALTER ROLE kb_admin SUPERUSER")
        _ = try await Lab.sql("DROP EXTENSION IF EXISTS pg_stat_statements", database: "template1")
    }
}
