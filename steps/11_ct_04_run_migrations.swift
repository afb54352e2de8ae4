import ClientKit
import Kubernetes
import Redis
import StepKit

/// Brings the database to the schema of the wanted image, by Chatwoot's own task in a Job, before any pod of it serves.
///
/// What is there is judged by SQL; a state in which the task would destroy data is refused. The Job and its log stay for as
/// long as the inventory says, and a failed one is never repeated blindly: each attempt has a name of its own.
struct RunMigrations: Step {
    let id: StepID = "11_ct_04_run_migrations"
    let summary = "schema and seed of the wanted image, by Chatwoot's own task in a Job"

    func check(_ site: ReadableSite) async throws -> Finding {
        let image = site.inventory.chatwoot.image.description
        guard let schema = try await ChatwootSchema.foresee(site) else {
            return .drifted([Change("load the schema of \(image) and seed the database, in a Job", .unknowable)])
        }
        /// What only the Job can tell, begun from what the database holds now.
        func inAJob(_ words: String) -> Change {
            Change("\(words), in a Job", .unknowable, startingPoint: schema.contents)
        }
        switch schema.state {
        case .wouldBeDropped: throw refusal(schema, site)
        case .empty: return .drifted([inAJob("load the schema of \(image) and seed the database")])
        case .halfLoaded:
            return .drifted([
                inAJob(
                    "load the schema of \(image) again from scratch, since an earlier load was cut off after "
                        + "\(schema.tables) tables, before any data")
            ])
        case .unseeded:
            let key = Change(
                "set the onboarding key in Redis: the seed never ran to its end, and nobody could create the first account",
                .predicted, .create, .redis(database: site.inventory.redis.database), field: ChatwootNames.onboardingKey
            )
            let isMigrated = try await Self.isMigrated(schema, site)
            return .drifted(
                [key]
                    + (isMigrated ? try await recordChanges(schema, site) : [try await migration(schema, site)]))
        case .loaded: return Finding(changes: try await loadedChanges(schema, site))
        }
    }

    /// What a database with a schema lacks; existing data is saved before it is migrated.
    private func loadedChanges(_ schema: ChatwootSchema, _ site: ReadableSite) async throws -> [Change] {
        let open =
            schema.isOpenToStrangers
            ? [
                Change(
                    "remove the onboarding key from Redis: there are users, and anybody could make himself administrator",
                    .predicted, .remove, .redis(database: site.inventory.redis.database),
                    field: ChatwootNames.onboardingKey)
            ]
            : []
        if try await Self.isMigrated(schema, site) { return try await open + recordChanges(schema, site) }
        return try await open + MigrationBackup(site).changes() + [try await migration(schema, site)]
    }

    /// What the record of a migrated database lacks.
    private func recordChanges(_ schema: ChatwootSchema, _ site: ReadableSite) async throws -> [Change] {
        let record = try await SchemaRecord(schema, site)
        return try await record.isInPlace(site) ? [] : site.changes(towards: [record.manifest])
    }

    private func migration(_ schema: ChatwootSchema, _ site: ReadableSite) async throws -> Change {
        let found = try await SchemaRecord(schema, site).found(site)
        let reason = if case .other(let words) = found.author { "; \(words)" } else { "" }
        return Change(
            "migrate the database (\(schema.words)) with \(site.inventory.chatwoot.image), in a Job\(reason)",
            .unknowable, startingPoint: schema.contents)
    }

    func apply(_ changes: [Change], to site: WritableSite) async throws {
        let job = MigrationJob(site)
        let isDone = try await job.finishEarlier()
        // What cannot be read is not judged, and the task would drop what it does not know.
        let schema = try await readable(site.reading)
        if schema.state == .wouldBeDropped { throw refusal(schema, site.reading) }
        if schema.state == .unseeded { try await site.redis().set(ChatwootNames.onboardingKey, to: "true") }
        if schema.isOpenToStrangers { try await site.redis().delete(ChatwootNames.onboardingKey) }
        if !isDone, try await !Self.isMigrated(schema, site.reading) {
            let backup = schema.state == .loaded ? try await MigrationBackup(site.reading).make(on: site) : nil
            try await job.run(after: backup)
        }
        try await site.cluster.apply([try await SchemaRecord(readable(site.reading), site.reading).manifest])
    }

    func verify(_ site: ReadableSite) async throws {
        let schema = try await readable(site)
        guard schema.state == .loaded, !schema.isOpenToStrangers, try await Self.isMigrated(schema, site) else {
            throw StepFailure(
                "prove that the database is migrated", host: site.postgresWords,
                cause:
                    "after the task the database holds \(schema.tables) tables, \(schema.words), \(schema.users) users, "
                    + "\(schema.settings) settings; onboarding key \(schema.isOnboarding ? "present" : "absent")",
                remedy:
                    "read the Job's log: kubectl -n \(site.inventory.chatwoot.namespace) logs -l component=migrations")
        }
    }

    /// Whether the database is what the image makes of it: by the record of an earlier run, which names the image by
    /// its digest, or where there is none by the figures that are known.
    static func isMigrated(_ schema: ChatwootSchema, _ site: ReadableSite) async throws -> Bool {
        // The seed fills the settings; where it was cut off before, the task's migration run fills them.
        guard schema.isLoaded, schema.settings > 0 else { return false }
        let (image, found) = (site.inventory.chatwoot.image, try await SchemaRecord(schema, site).found(site))
        if case .other = found.author { return false }
        if found.author == .wanted, found.isUnchanged { return true }
        // A tag beside a digest proves nothing.
        return image.digest == nil && schema.isKnownToBeComplete(for: image)
    }

    /// Throws unless the database holds what the wanted image needs: new code must never serve on an old schema.
    static func requireMigrated(_ site: ReadableSite) async throws {
        if let schema = try await ChatwootSchema.read(site), schema.state == .loaded, try await isMigrated(schema, site)
        {
            return
        }
        // A database that lets nobody in says nothing about its schema.
        let refused = try await site.refusedLogin()
        throw StepFailure(
            "deploy \(site.inventory.chatwoot.image)", host: site.postgresWords,
            cause: refused?.cause ?? "the database is not migrated for this image",
            remedy: refused?.remedy ?? "`runner run 11 --from 11_ct_04_run_migrations`")
    }

    private func readable(_ site: ReadableSite) async throws -> ChatwootSchema {
        if let schema = try await ChatwootSchema.read(site) { return schema }
        let refused = try await site.refusedLogin()
        throw StepFailure(
            "read what the database \(site.inventory.chatwoot.database) holds",
            host: site.postgresWords,
            cause: refused?.cause ?? "there is no such database, or Chatwoot's role is not let in",
            remedy: refused?.remedy ?? "`runner run 11 --from 11_ct_00_setup_credentials`")
    }

    private func refusal(_ schema: ChatwootSchema, _ site: ReadableSite) -> StepFailure {
        StepFailure(
            "prepare the database \(site.inventory.chatwoot.database)",
            host: site.postgresWords,
            cause:
                "it holds \(schema.users) users in \(schema.tables) tables and no ar_internal_metadata, as after a partial "
                + "restore: Chatwoot's task would drop every table",
            remedy: "restore the whole backup, ar_internal_metadata included, or move the database aside by hand")
    }
}
