import Foundation
import Testing

/// Data that is there is saved before it is migrated, and what was saved can be had back.
extension RehearsalTests {
    @Test func existingDataIsSavedBeforeItsMigrationAndCanBeHadBack() async throws {
        try await Lab.reset()
        try Stored.forgetBackups()
        try await Lab.runToTheEnd()
        #expect(!FileManager.default.fileExists(atPath: Stored.backups), "an empty database is not saved")
        try await Stored.settleIn()
        let rows = try await Stored.rows()
        let image = ["chatwoot-keybuzz:v3.12.0": "chatwoot-keybuzz:v3.13.0"]
        let newer = try Variant(image)

        // Without a place for it, or with one that is of no use, nothing is migrated.
        let homeless = try Variant(image.merging([Stored.backupKey: ""]) { own, _ in own })
        let full = try Variant(image.merging([Stored.backups: "/proc/backups"]) { own, _ in own })
        for (inventory, status, words) in [
            (homeless, 65, ["no key \"backup\"", "--no-backup"]), (full, 1, ["k8s-master-03", "0 MiB are free"]),
        ] {
            let refused = try await Lab.runner("run", "11", "--inventory", inventory.path)
            #expect(refused.status == status, "\(refused.error)")
            for word in words { #expect(refused.error.contains(word), "\(refused.error)") }
        }
        #expect(try await Stored.rows() == rows)
        #expect(try await Platform.migrations().count == 1)
        let unsaved = try await Lab.runner("plan", "11", "--inventory", homeless.path)
        #expect(unsaved.status == 65)
        #expect(unsaved.error.contains("no key \"backup\""), "\(unsaved.error)")
        #expect(unsaved.output.contains("11_ct_04_run_migrations: a run stops here"), "\(unsaved.output)")
        #expect(
            unsaved.output.contains("chatwoot-keybuzz:v3.12.0@sha256:"), "the steps after it are planned all the same")
        let doctor = try await Lab.runner("doctor", "11")
        #expect(doctor.output.contains("fits into k8s-master-03:\(Stored.backups)"), "\(doctor.output)")

        let plan = try await Lab.runner("plan", "11", "--inventory", newer.path)
        #expect(
            plan.output.contains("back up database \"chatwoot\" to k8s-master-03:\(Stored.backups), verified"),
            "\(plan)")
        #expect(!FileManager.default.fileExists(atPath: Stored.backups))

        let secrets = SecretHunt()
        let running = try Lab.start("run", "11", "--inventory", newer.path)
        let finds = try await secrets.watchProcesses(while: { running.isRunning })
        let upgrade = try await running.wait()
        #expect(upgrade.status == 0, "\(upgrade.error)")
        #expect(finds.isEmpty, "a secret was visible in a process: \(finds)")
        #expect(try secrets.inFiles(of: Lab.state).isEmpty)
        let run = URL(filePath: try Platform.newestRun()).lastPathComponent
        let file = "\(Stored.backups)/chatwoot-\(run).dump"
        #expect(try FileManager.default.contentsOfDirectory(atPath: Stored.backups) == ["chatwoot-\(run).dump"])
        #expect(try Stored.mode(of: file) == 0o600 && Stored.mode(of: Stored.backups) == 0o700)
        let job = try await Platform.migrations(by: "chatwoot-keybuzz:v3.13.0").first
        let annotations = (job?["metadata"] as? [String: Any])?["annotations"] as? [String: String]
        #expect(annotations?["keybuzz.io/backup"] == "k8s-master-03:\(file)")
        #expect(
            try Platform.auditLines().contains { $0["kind"] as? String == "note" }, "the backup's place is on record")
        #expect(try await Stored.rows().migrations == "43")

        // The way back, as it was printed.
        let commands = upgrade.error.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        let restore = try #require(commands.first { $0.hasPrefix("pg_restore ") }, "\(upgrade.error)")
        let reset = try #require(commands.first { $0.hasPrefix("runner run 11 --reset-database") })
        let emptied = try await Command(
            [Lab.command, "run", Lab.runner] + reset.split(separator: " ").dropFirst().map(String.init)
                + ["--yes-reset=chatwoot"]
        ).run()
        #expect(emptied.status == 0, "\(emptied.error)")
        try await Lab.call("shell", "k8s-master-03", "env", "PGPASSWORD=\(try Stored.password())", "sh", "-c", restore)
        try await Lab.runToTheEnd()
        #expect(try await Stored.rows() == rows)
        for node in Lab.nodes {
            let page = try await Platform.page(through: node)
            #expect(page.status == "200" && page.body.contains("\"APP_VERSION\": \"3.12.0\""), "\(page)")
        }
        #expect(try await Lab.runner("plan", "11", "--detailed-exitcode").status == 0)

        // Whoever wants none gets none, on record.
        let without = try await Lab.runner("run", "11", "--inventory", homeless.path, "--no-backup")
        #expect(without.status == 0, "\(without.error)")
        #expect(without.error.contains("migrated without a backup"))
        #expect(
            try Platform.auditLines().contains {
                $0["kind"] as? String == "warning" && ($0["text"] as? String)?.contains("--no-backup") == true
            })
        #expect(
            try String(contentsOfFile: "\(Platform.newestRun())/run.json", encoding: .utf8).contains("\"no-backup\""))
        #expect(try await Stored.rows().migrations == "43")
        let verified = try await Lab.runner("audit", "verify")
        #expect(verified.status == 0, "\(verified.output)")
    }

    /// What people put into Chatwoot, as far as the stand-in keeps it.
    enum Stored {
        static let backups = "\(Lab.home)/backups"
        static let backupKey =
            "\"backup\": { \"host\": \"k8s-master-03\", \"directory\": \"\(backups)\" },"

        struct Rows: Equatable {
            let users: String
            let accounts: String
            let conversations: String
            let migrations: String
        }

        static func forgetBackups() throws {
            if FileManager.default.fileExists(atPath: backups) { try FileManager.default.removeItem(atPath: backups) }
        }

        /// The first account with its user, some conversations, and the onboarding page closed, as Chatwoot does it.
        static func settleIn() async throws {
            try await Lab.call(
                "psql", "-d", "chatwoot", "-v", "ON_ERROR_STOP=1", "-qc",
                """
                SET ROLE chatwoot;
                INSERT INTO accounts (id, name, created_at, updated_at) VALUES (7, 'First & only', now(), now());
                INSERT INTO users (provider, uid, email, name, encrypted_password, created_at, updated_at)
                SELECT 'email', n, n || '@example.org', 'Person ' || n, 'x', now(), now() FROM generate_series(1, 3) n;
                INSERT INTO conversations (account_id, created_at, updated_at)
                SELECT 7, now(), now() FROM generate_series(1, 500);
                """)
            try await Lab.call("redis-cli", "del", "alfred:CHATWOOT_INSTALLATION_ONBOARDING")
        }

        static func rows(of database: String = "chatwoot") async throws -> Rows {
            func digest(_ table: String, _ columns: String) async throws -> String {
                try await Lab.sql(
                    "SELECT count(*) || ' ' || coalesce(md5(string_agg(row(\(columns))::text, ',' ORDER BY id)), '') FROM \(table)",
                    database: database)
            }
            return Rows(
                users: try await digest("users", "id, uid, email, name, created_at"),
                accounts: try await digest("accounts", "id, name"),
                conversations: try await digest("conversations", "id, account_id, display_id"),
                migrations: try await Lab.sql("SELECT count(*) FROM schema_migrations", database: database))
        }

        static func mode(of path: String) throws -> Int? {
            try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        }

        static func password() throws -> String {
            let file = try String(contentsOfFile: "\(Lab.credentials)/chatwoot.env", encoding: .utf8)
            let line = try #require(file.split(separator: "\n").first { $0.hasPrefix("CHATWOOT_PASSWORD=") })
            return line.dropFirst("CHATWOOT_PASSWORD=".count).filter { $0 != "'" && $0 != "\"" }
        }
    }
}
