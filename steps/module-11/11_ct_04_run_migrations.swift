import ClientKit
import Kubernetes
import Postgres
import Redis
import StepKit

/// Migrates the database to the schema of the wanted image, with Chatwoot's own task in a Job,
/// before any of its pods serves.
///
/// The present state is read with SQL; a state in which the task would destroy data is refused. The
/// Job and its log stay for as long as the inventory says, and a failed one is never simply
/// repeated: each attempt has its own name.
struct RunMigrations: NamedStep {
    static let id: StepID = "11_ct_04_run_migrations"
    let summary = "schema and seed of the wanted image, by Chatwoot's own task in a Job"

    func check(_ site: SiteReader) async throws -> Finding {
        let state = try await DatabaseState.read(site)
        let image = site.inventory.chatwoot.image.description
        /// A change whose result only the Job can show, with the database's present state, where that is known, as
        /// its starting point.
        func inAJob(_ words: String) -> Change {
            let isKnown = state.server.database != nil && state.task != .unknown
            return Change("\(words), in a Job", .knownAfterApply, startingPoint: isKnown ? state.figures : nil)
        }
        switch state.task {
        case .refuse(let refusal): throw refusal.failure(site)
        case .unknown:
            return .drifted([inAJob("migrate the database, once it can be inspected, with \(image)")])
        case .load:
            return .drifted(
                try await backupChanges(state, on: site) + [inAJob("load the schema of \(image) and seed the database")]
            )
        case .loadAgain:
            let load = inAJob(
                "load the schema of \(image) again from scratch, because an earlier load was cut off after "
                    + "\(state.tables.count) tables, before any data")
            return .drifted(try await backupChanges(state, on: site) + [load])
        case .seed:
            let key = Change(
                "set the onboarding key in Redis: the seed never finished, so nobody could create the first account",
                .predicted, .create, .redis(database: site.inventory.redis.database), field: ChatwootNames.onboardingKey
            )
            return .drifted(try await schemaChanges(state, on: site) + [key])
        case .keep:
            let open =
                state.isOpenToStrangers
                ? [
                    Change(
                        "remove the onboarding key from Redis: there are users, and anyone could become administrator",
                        .predicted, .remove, .redis(database: site.inventory.redis.database),
                        field: ChatwootNames.onboardingKey)
                ]
                : []
            return Finding(changes: try await open + schemaChanges(state, on: site))
        }
    }

    /// What is missing in a database with a schema; existing data is backed up before it is
    /// migrated.
    private func schemaChanges(_ state: DatabaseState, on site: SiteReader) async throws -> [Change] {
        if try await Self.isMigrated(state, on: site) {
            // One that has not ended would migrate the database below pods of another image, after this run.
            let left = try await EarlierMigrations.unfinished(site)
            let waiting = left.map { Change("wait for Job \($0), which an earlier run started", .knownAfterApply) }
            return try await waiting + recordChanges(state, on: site)
        }
        return try await backupChanges(state, on: site) + [try await migration(state, on: site)]
    }

    private func backupChanges(_ state: DatabaseState, on site: SiteReader) async throws -> [Change] {
        state.savesFirst ? try await MigrationBackup(site, of: state).changes() : []
    }

    /// What is missing in the record of a migrated database.
    private func recordChanges(_ state: DatabaseState, on site: SiteReader) async throws -> [Change] {
        let record = try await SchemaRecord(state, on: site)
        return try await record.isInPlace(site) ? [] : site.changes(towards: [record.manifest])
    }

    private func migration(_ state: DatabaseState, on site: SiteReader) async throws -> Change {
        let found = try await SchemaRecord(state, on: site).found(site)
        let reason =
            if case .other(let words) = found.author {
                "; \(words)"
            } else {
                state.task == .seed ? "; the seed never finished, and settings may be missing" : ""
            }
        return Change(
            "migrate the database (\(state.summary)) with \(site.inventory.chatwoot.image), in a Job\(reason)",
            .knownAfterApply, startingPoint: state.figures)
    }

    func apply(_ changes: [Change], to site: SiteWriter) async throws {
        let job = MigrationJob(site)
        let isDone = try await job.finishEarlier()
        // A database that cannot be read is not migrated: the task would drop what it does not
        // know.
        let state = try await usableState(site.reader)
        if case .refuse(let refusal) = state.task { throw refusal.failure(site.reader) }
        if state.task == .unknown { throw state.failureToRead(site.reader) }
        if state.isOpenToStrangers { try await site.redis().delete(ChatwootNames.onboardingKey) }
        // A Job that is complete, and a seed that never finished: the database was replaced since.
        if state.task == .seed || !isDone, try await !Self.isMigrated(state, on: site.reader) {
            let backup = state.savesFirst ? try await MigrationBackup(site.reader, of: state).make(on: site) : nil
            try await job.run(from: MigrationStart(state, on: site.reader), after: backup)
        }
        // Last, as in the seed itself: without the key the settings count as incomplete.
        if state.task == .seed { try await site.redis().set(ChatwootNames.onboardingKey, to: "true") }
        try await site.apply([try await SchemaRecord(usableState(site.reader), on: site.reader).manifest])
    }

    func verify(_ site: SiteReader) async throws {
        let state = try await usableState(site)
        guard state.isDone(isMigrated: try await Self.isMigrated(state, on: site)) else {
            throw StepFailure(
                "verify that the database is migrated", host: site.postgresWords,
                cause:
                    "after the task the database contains \(state.figures), \(state.hasUsers ? "users" : "no users"), "
                    + "\(state.hasSettings ? "settings" : "no settings"); "
                    + "onboarding key \(state.isOnboarding ? "present" : "absent")",
                remedy:
                    "read the Job's log: kubectl -n \(site.inventory.chatwoot.namespace) logs -l component=migrations")
        }
    }

    /// Whether the database is migrated for the image: according to the record of an earlier run, which names the image by
    /// its digest, to a Job that ended after that run was cut off, or without either to the known figures.
    static func isMigrated(_ state: DatabaseState, on site: SiteReader) async throws -> Bool {
        // The seed writes the settings one by one, and then the onboarding key; where it was
        // interrupted, the task's migrations write those that are missing.
        guard state.isLoaded, state.hasSettings, state.task != .seed else { return false }
        let record = try await SchemaRecord(state, on: site)
        let (image, found) = (site.inventory.chatwoot.image, try await record.found(site))
        if found.author == .wanted {
            if found.isUnchanged { return true }
        } else {
            let jobs = try await EarlierMigrations.jobs(site)
            if MigrationStart.isDone(by: jobs, for: record.image, to: state, recordVersion: found.version) {
                return true
            }
        }
        if case .other = found.author { return false }
        // A tag next to a digest proves nothing.
        return image.digest == nil && state.isKnownToBeComplete(for: image)
    }

    /// Throws unless the database is migrated for the wanted image: new code must never serve on an
    /// old schema.
    static func requireMigrated(_ site: SiteReader) async throws {
        let attempt = "deploy \(site.inventory.chatwoot.image)"
        let state = try await DatabaseState.read(site)
        if let refusal = state.refusalOfUse(attempt) { throw refusal.failure(site) }
        guard state.isDone(isMigrated: try await isMigrated(state, on: site)) else {
            throw state.notMigrated(attempt).failure(site)
        }
    }

    /// The state of the database; throws if Chatwoot cannot use it.
    private func usableState(_ site: SiteReader) async throws -> DatabaseState {
        let state = try await DatabaseState.read(site)
        if let refusal = state.refusalOfUse("migrate the database \(state.database)") { throw refusal.failure(site) }
        return state
    }
}
