import Kubernetes
import Postgres
import StepKit

/// What a migration began from, which its Job keeps: a run that is cut off while the Job works leaves no record of what it did.
struct MigrationStart: Sendable, Hashable {
    /// The migrations that the database had.
    let migrations: DatabaseState.Migrations
    /// The version of ``SchemaRecord`` in the cluster; `nil` where there was none.
    let recordVersion: String?
    /// The number of the database, which one that takes its name does not have.
    let database: Int

    /// Of the database and the record as they are now; `nil` where the database's migrations cannot be read.
    init?(_ state: DatabaseState, on site: SiteReader) async throws {
        guard let migrations = state.migrations, let database = state.server.database?.oid else { return nil }
        self.migrations = migrations
        self.database = database
        recordVersion = try await SchemaRecord(state, on: site).found(site).version
    }

    private static let migrationsKey = "keybuzz.io/migrations-before"
    private static let newestKey = "keybuzz.io/newest-migration-before"
    private static let databaseKey = "keybuzz.io/database-oid"
    private static let recordKey = "keybuzz.io/schema-record-before"

    /// What a Job of an earlier version of the runner does not have.
    init?(_ job: JSONValue) {
        let annotations = job["metadata", "annotations"]
        guard let count = annotations?[Self.migrationsKey]?.string.flatMap({ Int($0) }),
            let newest = annotations?[Self.newestKey]?.string, let record = annotations?[Self.recordKey]?.string,
            let database = annotations?[Self.databaseKey]?.string.flatMap({ Int($0) })
        else { return nil }
        self.database = database
        migrations = DatabaseState.Migrations(count: count, newest: newest)
        recordVersion = record.isEmpty ? nil : record
    }

    var annotations: [String: String] {
        [
            Self.migrationsKey: String(migrations.count), Self.newestKey: migrations.newest,
            Self.recordKey: recordVersion ?? "", Self.databaseKey: String(database),
        ]
    }

    /// Whether one of `jobs` has migrated the database for `image` to its present `state`.
    ///
    /// Only the newest Job counts, only where no migration was recorded after its creation, only for the same database, and only
    /// where that has more migrations than before and, after a load, no users, who cannot come before the pods: otherwise a
    /// backup may have been restored since.
    static func isDone(
        by jobs: [JSONValue], for image: ResolvedImage, to state: DatabaseState, recordVersion: String?
    ) -> Bool {
        // In RFC 3339 with whole seconds, by one clock: the order of the texts is that of the times.
        func created(_ job: JSONValue) -> String { job["metadata", "creationTimestamp"]?.string ?? "" }
        guard let now = state.migrations, let newest = jobs.max(by: { created($0) < created($1) }),
            jobs.count(where: { created($0) == created(newest) }) == 1, newest.isCompleteJob,
            newest.images == [image.name], let start = MigrationStart(newest)
        else { return false }
        return start.recordVersion == recordVersion && start.database == state.server.database?.oid
            && (start.migrations.count > 0 || !state.hasUsers)
            && (now.count > start.migrations.count || now.newest > start.migrations.newest)
    }
}
