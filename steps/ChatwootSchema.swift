import Postgres
import Redis
import StepKit

/// What Chatwoot's database holds, as `rails db:chatwoot_prepare` would judge it.
///
/// Read by SQL: `db:migrate` and `db:abort_if_pending_migrations` write the metadata table on an empty database, after which
/// the task skips both schema and seed.
struct ChatwootSchema: Sendable, Hashable {
    /// The tables there are in schema public.
    let tables: Int
    /// Whether `ar_internal_metadata` exists, which Rails writes only after the whole schema is loaded.
    let isLoaded: Bool
    /// The rows of `schema_migrations`.
    let migrations: Int
    /// The highest version in `schema_migrations`.
    let newest: String
    /// The rows of `users`.
    let users: Int
    /// The rows of `installation_configs`, which the seed fills.
    let settings: Int
    /// Whether Redis holds the onboarding key.
    let isOnboarding: Bool

    /// What the step has to do about a schema.
    enum State: Sendable, Hashable {
        /// Nothing there: the task loads and seeds.
        case empty
        /// A schema load was cut off before any data came: the task loads again from scratch.
        case halfLoaded
        /// Data without metadata, as after a partial restore: the task would drop all tables.
        case wouldBeDropped
        /// The schema is there and the seed never ran through: the task would skip it, and nobody could sign up.
        case unseeded
        /// Schema and seed are there; migrations of a newer image may be missing.
        case loaded
    }

    /// See section by section what the task would do.
    var state: State {
        switch (isLoaded, tables, users) {
        case (false, 0, _): .empty
        case (false, _, 0): .halfLoaded
        case (false, _, _): .wouldBeDropped
        case (true, _, 0) where !isOnboarding: .unseeded
        case (true, _, _): .loaded
        }
    }

    /// Whether the onboarding page would let anybody in although there are users, as after a restore.
    var isOpenToStrangers: Bool { state == .loaded && users > 0 && isOnboarding }

    /// The figures in words.
    var words: String { "\(migrations) migrations, newest \(newest.isEmpty ? "none" : newest)" }

    /// The figures that a migration changes and that running pods do not.
    var contents: String { "\(tables) tables, \(words)" }

    /// What a complete database of an image is known to hold, for images whose sources were read.
    static let known = ["v3.12.0": (migrations: 42, newest: "20240516003531")]

    /// Whether the database holds exactly what is known of this image.
    func isKnownToBeComplete(for image: ImageReference) -> Bool {
        guard settings > 0, let tag = image.tag, let known = Self.known[tag] else { return false }
        return migrations == known.migrations && newest == known.newest
    }
}

extension ChatwootSchema {
    /// Reads the state as Chatwoot; `nil` where there is no database to read yet, or Chatwoot is not let in.
    static func read(_ site: ReadableSite) async throws -> ChatwootSchema? {
        guard let password = try await site.chatwootSecrets().databasePassword else { return nil }
        do {
            return try await read(site, from: site.postgres(.chatwoot(password: password)))
        } catch let error as PostgresError where ["3D000", "28P01", "28000", "53300", "42501"].contains(error.sqlState)
        {
            return nil
        }
    }

    /// Reads the state as Chatwoot, or where that is not let in yet as the administrator; `nil` where there is no database.
    ///
    /// For foreseeing what is to be done: a step that comes before lets Chatwoot in.
    static func foresee(_ site: ReadableSite) async throws -> ChatwootSchema? {
        if site.wishes.foreseesReset { return nil }
        if let schema = try await read(site) { return schema }
        let name = site.inventory.chatwoot.database
        let admin = try await site.postgres(.admin(database: site.inventory.postgres.adminDatabase))
        guard try await admin.databaseState(name) != nil else { return nil }
        return try await read(site, from: site.postgres(.admin(database: name)))
    }

    /// Two queries and one Redis command.
    private static func read(_ site: ReadableSite, from database: PostgresReader) async throws -> ChatwootSchema? {
        let names = try await database.query(
            "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = 'public'"
        ).compactMap { $0["tablename"] }
        let tables = Set(names)
        func count(_ table: String) -> String { tables.contains(table) ? "(SELECT count(*) FROM \(table))" : "0" }
        let newest = tables.contains("schema_migrations") ? "(SELECT max(version) FROM schema_migrations)" : "NULL"
        let rows = try await database.query(
            """
            SELECT \(count("schema_migrations")) AS migrations, \(newest) AS newest, \(count("users")) AS users, \
            \(count("installation_configs")) AS settings
            """)
        guard let row = rows.first else { return nil }
        return ChatwootSchema(
            tables: tables.count, isLoaded: tables.contains("ar_internal_metadata"),
            migrations: try row.value("migrations"), newest: try row.optional("newest") ?? "",
            users: try row.value("users"), settings: try row.value("settings"),
            isOnboarding: try await site.redis().exists(ChatwootNames.onboardingKey))
    }
}
