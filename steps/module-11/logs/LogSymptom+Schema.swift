import ClientKit
import StepKit

extension LogSymptom {
    /// Extensions, and privileges in the database.
    static let extensions = [
        LogSymptom(.extensionNotInstalled, [Pattern(["PG::UndefinedFile", "PG::FeatureNotSupported"], .anExtension)]) {
            _, site in
            try await site.refusedUse()
                ?? Cause(
                    "the PostgreSQL server has no files of an extension that this image needs (58P01, 0A000)",
                    remedy:
                        site.remedy(
                            "install the package that holds it on every PostgreSQL server (postgresql-NN-pgvector for vector, "
                                + "postgresql-contrib for the others), then \(.run)"))
        },
        LogSymptom(.extensionDenied, [Pattern(["PG::InsufficientPrivilege"], .anExtension)]) { _, site in
            try await site.refusedUse()
                ?? Cause(
                    "the image needs an extension that the runner does not know, and that only a superuser may create "
                        + "(SQLSTATE 42501)",
                    remedy: site.remedy(
                        "let a superuser create what the log names in the database "
                            + "\(site.inventory.chatwoot.database), then \(.run)"))
        },
        LogSymptom(
            .extensionMissing,
            [
                Pattern(
                    ["PG::UndefinedObject", "PG::UndefinedFunction"],
                    .oneOf([
                        "\"vector\"", "gin_trgm_ops", "gist_trgm_ops", "similarity(", "gen_random_uuid(",
                        "gen_random_bytes(",
                    ]))
            ]
        ) { _, site in
            try await site.refusedUse()
                ?? Cause(
                    "something that an extension provides is missing in the database \(site.inventory.chatwoot.database), "
                        + "although the extensions that the runner knows are where \(site.inventory.chatwoot.databaseUser) "
                        + "looks",
                    remedy: site.remedy(
                        "let a superuser create the extension of what the log names there, then \(.run)"))
        },
        LogSymptom(.rightMissing, [Pattern(["PG::InsufficientPrivilege"])]) { _, site in
            let chatwoot = site.inventory.chatwoot
            if let refused = try await site.refusedUse() { return refused }
            return Cause(
                "\(chatwoot.databaseUser) lacks a privilege in the database \(chatwoot.database) (SQLSTATE 42501)",
                remedy:
                    site.remedy(
                        "make \(chatwoot.databaseUser) the owner of what the log names, as is needed after a restore by a superuser "
                            + "(ALTER … OWNER TO), then \(.run)"))
        },
    ]

    /// Tables, columns and migrations.
    static let schema = [
        LogSymptom(.schemaUnset, [Pattern(["PG::InvalidSchemaName"])]) { _, site in
            if let refused = try await site.refusedUse() { return refused }
            let chatwoot = site.inventory.chatwoot
            return Cause(
                "no schema in the search_path of \(chatwoot.databaseUser) exists in the database "
                    + "\(chatwoot.database) (3F000)",
                remedy: site.remedy(
                    "check it in psql as \(chatwoot.databaseUser): SHOW search_path and \\dn; create the "
                        + "schema, or ALTER ROLE \(chatwoot.databaseUser) RESET search_path, then "
                        + "\(.run)"))
        },
        LogSymptom(
            .schemaBehind,
            [
                Pattern([
                    "PG::UndefinedTable", "PG::UndefinedColumn", "ActiveRecord::PendingMigrationError",
                    "ActiveModel::UnknownAttributeError",
                ])
            ], cause: behind),
        LogSymptom(
            .schemaAhead,
            [
                Pattern([
                    "PG::DuplicateTable", "PG::DuplicateColumn", "PG::DuplicateObject", "PG::DuplicateFunction",
                    "PG::DuplicateSchema",
                ])
            ]
        ) { _, site in
            Cause(
                "a migration creates what the database \(site.inventory.chatwoot.database) already has: its "
                    + "schema_migrations does not record it, as after a partial restore or a migration that was cut off",
                remedy:
                    "restore the backup that was taken before the migration; its location is in the Job's annotation "
                    + "keybuzz.io/backup")
        },
        LogSymptom(
            .statementTimeout,
            [
                Pattern([
                    "PG::QueryCanceled", "PG::LockNotAvailable", "ActiveRecord::QueryCanceled",
                    "ActiveRecord::StatementTimeout", "ActiveRecord::LockWaitTimeout",
                    "PG::IdleInTransactionSessionTimeout",
                ])
            ]
        ) { _, site in
            Cause(
                "PostgreSQL cancelled a statement that exceeded its time limit or waited for a lock (57014, 55P03, 25P03)",
                remedy:
                    site.remedy(
                        "find what holds the lock or takes so long in pg_stat_activity and pg_locks, then \(.run)"))
        },
        LogSymptom(
            .concurrentMigration,
            [
                Pattern([
                    "PG::TRDeadlockDetected", "ActiveRecord::Deadlocked", "ActiveRecord::ConcurrentMigrationError",
                ])
            ]
        ) { _, site in
            Cause(
                "something else migrates or locks the same tables at the same time",
                remedy: site.remedy("find the other session in pg_stat_activity, wait until it ends, then \(.run)"))
        },
    ]

    /// The cause according to the migration step, so that no remedy names a step that would find
    /// nothing to do.
    @Sendable private static func behind(_ place: Place, _ site: SiteReader) async throws -> Cause {
        let name = site.inventory.chatwoot.database
        let remedy =
            "restore a whole backup of the database, or recreate what the log names as the image's db/schema.rb has "
            + "it; a search_path of the role without schema public looks the same"
        guard place == .pods else {
            return Cause(
                "a migration needs a table or column that the database \(name) does not have, although its "
                    + "schema_migrations says that an earlier migration created it", remedy: remedy)
        }
        do {
            try await RunMigrations.requireMigrated(site)
        } catch let error as any ExplainedError {
            return Cause(error)
        }
        return Cause(
            "the database \(name) counts as migrated for this image, and lacks a table or column that its code reads",
            remedy: remedy)
    }
}
