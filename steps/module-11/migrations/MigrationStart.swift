import Kubernetes
import StepKit

/// What a migration began from, which its Job keeps: a run that is cut off while the Job works leaves no record of what it did.
struct MigrationStart: Sendable, Hashable {
    /// The migrations that the database had.
    let migrations: DatabaseState.Migrations
    /// The version of ``SchemaRecord`` in the cluster, which each write changes; `nil` where there was none.
    let recordVersion: String?

    /// Of the database and the record as they are now; `nil` where the database's migrations cannot be read.
    init?(_ state: DatabaseState, on site: SiteReader) async throws {
        guard let migrations = state.migrations else { return nil }
        self.migrations = migrations
        recordVersion = try await SchemaRecord(state, on: site).found(site).version
    }

    private static let migrationsKey = "keybuzz.io/migrations-before"
    private static let newestKey = "keybuzz.io/newest-migration-before"
    private static let recordKey = "keybuzz.io/schema-record-before"

    /// What a Job of an earlier version of the runner does not have.
    init?(_ job: JSONValue) {
        let annotations = job["metadata", "annotations"]
        guard let count = annotations?[Self.migrationsKey]?.string.flatMap({ Int($0) }),
            let newest = annotations?[Self.newestKey]?.string, let record = annotations?[Self.recordKey]?.string
        else { return nil }
        migrations = DatabaseState.Migrations(count: count, newest: newest)
        recordVersion = record.isEmpty ? nil : record
    }

    var annotations: [String: String] {
        [
            Self.migrationsKey: String(migrations.count), Self.newestKey: migrations.newest,
            Self.recordKey: recordVersion ?? "",
        ]
    }

    /// Whether one of `jobs` has migrated the database for `image`, to what is in it `now`.
    ///
    /// Only the newest Job counts, only where no migration was recorded after its creation, and only where the database has
    /// more migrations than before it: otherwise a backup may have been restored since.
    static func isDone(
        by jobs: [JSONValue], for image: ResolvedImage, now: DatabaseState.Migrations, recordVersion: String?
    ) -> Bool {
        let dated = jobs.map { (job: $0, created: $0["metadata", "creationTimestamp"]?.string ?? "") }
        // In RFC 3339 with whole seconds, by one clock: the order of the texts is that of the times.
        guard let last = dated.map(\.created).max(), dated.filter({ $0.created == last }).count == 1,
            let newest = dated.first(where: { $0.created == last })?.job, newest.isCompleteJob,
            newest.images == [image.name], let start = MigrationStart(newest)
        else { return false }
        return start.recordVersion == recordVersion
            && (now.count > start.migrations.count || now.newest > start.migrations.newest)
    }
}
