import ClientKit
import Postgres
import StepKit

/// The backup of the database that is made before existing data is migrated.
struct MigrationBackup {
    private let site: SiteReader
    private let state: DatabaseState
    private var chatwoot: ChatwootSettings { site.inventory.chatwoot }
    private var attempt: String { "back up the database \(chatwoot.database) before its migration" }

    init(_ site: SiteReader, of state: DatabaseState) {
        self.site = site
        self.state = state
    }

    /// The change in the plan; throws if it cannot be made, so that the migration is not started.
    func changes() async throws -> [Change] {
        guard !site.options.skipsBackup else { return [] }
        return [
            Change(
                "back up database \"\(chatwoot.database)\" to \(try await place()), verified by its table of contents",
                .predicted)
        ]
    }

    /// The directory for it; throws if it cannot be made.
    func place() async throws -> String {
        let file = try await host().place(for: source(), title: title)
        // The file's name contains the run's id, which a plan does not know.
        return "\(file.host):\(site.inventory.backup?.directory ?? "")"
    }

    /// Makes the backup and notes how to restore it; `nil` with --no-backup, which is recorded.
    func make(on writable: SiteWriter) async throws -> DumpFile? {
        guard !site.options.skipsBackup else {
            site.reporter.warns("database \"\(chatwoot.database)\" is migrated without a backup, as --no-backup asks")
            return nil
        }
        let source = try await source()
        let file = try await host().place(for: source, title: title)
        guard let host = try await writable.backupHost() else { throw refusal }
        site.reporter.says("backing up database \(chatwoot.database), \(source.bytes >> 20) MiB, to \(file)")
        let limits = site.inventory.limits
        let size = try await host.save(
            source, as: file, within: limits.backup, lock: limits.lock, connect: limits.connect)
        let restore = file.restoreCommand(
            into: chatwoot.database, as: chatwoot.databaseUser, on: site.inventory.postgres)
        site.reporter.notes(
            """
            backup of database "\(chatwoot.database)" as it was before the migration: \(file) (\(size) bytes)
            to go back to it, with the earlier image in the inventory:
              \(site.commandLine(.runWithNewDatabase)) --until \(SetupCredentials.id)
              on \(file.host), which asks for the password of \(chatwoot.databaseUser) (chatwoot.env):
              \(restore)
              \(site.commandLine(.run))
            """)
        return file
    }

    private var title: String { "\(chatwoot.database)-\(site.options.run ?? "RUN")" }

    private func host() async throws -> BackupHostReader {
        guard let host = try await site.backupHost() else { throw refusal }
        return host
    }

    private var refusal: StepFailure {
        StepFailure(
            attempt, cause: "the inventory has no key \"backup\", and existing data is never migrated without a backup",
            remedy: site.remedy(
                "add \"backup\": { \"host\": …, \"directory\": … } to \(site.inventory.path), then \(.run), or start "
                    + "another run with \(.runWithoutBackup)"),
            kind: .badInput)
    }

    /// The present database, backed up as its owner.
    private func source() async throws -> DumpSource {
        guard let password = try await site.chatwootSecrets().databasePassword else {
            throw StepFailure(
                attempt, cause: "the password of \"\(chatwoot.databaseUser)\" is not known",
                remedy: site.remedy(.run(from: SetupCredentials.self)))
        }
        if let refusal = state.refusalOfSaving(attempt) { throw refusal.failure(site) }
        let database = try await site.postgres(
            state.login == .accepted
                ? .owner(of: .chatwoot(site.inventory), password: password) : .admin(database: chatwoot.database))
        let facts = try await database.query(
            "SELECT pg_database_size(current_database()) AS bytes, current_setting('server_version') AS version")
        guard let row = facts.first else { throw refusal }
        return DumpSource(
            database: chatwoot.database, user: chatwoot.databaseUser, password: password,
            // Partitioned tables have no rows of their own, and an extension's objects come with
            // it.
            tables: (state.contents?.relations ?? []).filter { $0.kind == .table }.map {
                DumpSource.Table(schema: $0.object.schema, name: $0.object.name)
            },
            bytes: try row.value("bytes"), serverVersion: try row.value("version"))
    }
}

extension DatabaseState {
    /// Why Chatwoot's role could not back up the whole database, apart from objects that will be
    /// transferred to it before that.
    func refusalOfSaving(_ attempt: String) -> DatabaseRefusal? {
        let coming = Set(foreignObjects)
        let hidden = (contents?.relations ?? []).filter {
            $0.kind == .table && !$0.roleSeesRows && $0.object.owner != role && !coming.contains($0.object)
        }.map(\.object)
        guard !hidden.isEmpty else { return nil }
        let owners = Set(hidden.map(\.owner)).sorted().joined(separator: ", ")
        return DatabaseRefusal(
            attempt: attempt,
            cause:
                "\"\(role)\" may not read \(DatabaseChange.words(for: hidden)) of \(owners), so pg_dump would fail",
            cure: .statements(
                Set(hidden.map(\.schema)).sorted().map { "GRANT USAGE ON SCHEMA \(quoted($0)) TO \(quoted(role))" }
                    + hidden.map { "GRANT SELECT ON \(quoted($0.schema)).\(quoted($0.name)) TO \(quoted(role))" },
                database: database))
    }
}
