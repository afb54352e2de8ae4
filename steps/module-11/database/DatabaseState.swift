import Postgres
import StepKit

/// Everything about Chatwoot's database that decides what the steps do with it, read by
/// ``read(_:asksRedis:)``.
///
/// Steps, plan, doctor and refusals judge only this value; see ``setup`` for
/// `11_ct_00_setup_credentials`, and ``task`` for `11_ct_04_run_migrations`.
struct DatabaseState: Sendable, Hashable {
    /// The database's name in the inventory.
    let database: String
    /// The name of Chatwoot's role in the inventory.
    let role: String
    /// The database in which the administrator does everything outside Chatwoot's database.
    var adminDatabase = "postgres"
    /// The extensions that the image uses; see ``Extensions``.
    var extensions = Extensions(image: nil)
    /// What the server shows the administrator.
    var server: ServerFacts
    /// Whether a password for the role has been generated or given yet.
    var hasPassword = true
    /// The result of logging in like Chatwoot.
    var login = Login.untried
    /// The contents of the database; `nil` if there is none, or if neither login can read them.
    var contents: DatabaseContents?
    /// The extensions in the server's files and in template1, for a database that has to be
    /// created.
    var template: [ExtensionState] = []
    /// The `search_path` of Chatwoot's session; `nil` if it cannot log in.
    var sessionPath: String?
    /// The rows of `schema_migrations`, and the highest version among them; `nil` where neither login may read them.
    var migrations: Migrations? = Migrations(count: 0, newest: "")
    /// Whether Redis has the onboarding key.
    var isOnboarding = false
    /// The database that this run's reset has renamed; `nil` if there is none, or no reset was
    /// requested.
    var aside: DatabaseFacts?
    /// The sessions on the database, which are not read together with its contents: they change
    /// constantly.
    var sessions: [DatabaseSession] = []
    /// The sessions of Chatwoot's role on other databases, read with those on its own.
    var otherSessions: [DatabaseSession] = []

    struct Migrations: Sendable, Hashable {
        let count: Int
        let newest: String
    }

    /// The result of logging in as Chatwoot's role, with the password of the cluster.
    enum Login: Sendable, Hashable {
        /// There is no database, no password, or connections are refused.
        case untried
        case accepted
        /// The server's answer.
        case refused(Refused)

        struct Refused: Sendable, Hashable {
            let sqlState: String?
            let cause: String
            let remedy: String
        }

        /// PostgreSQL checks the password first: a later refusal means that the password is right.
        var isWrongPassword: Bool {
            if case .refused(let refused) = self { refused.sqlState == "28P01" } else { false }
        }
    }
}

extension DatabaseState {
    /// The server after a reset, without the database.
    var afterReset: DatabaseState {
        var state = self
        state.server.database = nil
        state.contents = nil
        state.login = .untried
        state.sessionPath = nil
        state.migrations = Migrations(count: 0, newest: "")
        state.sessions = []
        return state
    }

    /// Rails' own two tables; rows in any other table are data.
    static let railsTables: Set = ["schema_migrations", "ar_internal_metadata"]

    /// The schemas in Chatwoot's search path, in order; new tables are created in the first.
    var path: [String] {
        let text = sessionPath ?? server.searchPath ?? #""$user", public"#
        let names = text.matches(of: /"((?:[^"]|"")*)"|([^,\s"]+)/).map { match in
            // Without quotes PostgreSQL folds names to lower case.
            let name = match.1.map { String($0).replacing("\"\"", with: "\"") } ?? match.2?.lowercased() ?? ""
            return name == "$user" ? role : name
        }
        guard let contents else { return names.contains("public") ? ["public"] : [] }
        return names.filter { name in contents.schemas.contains { $0.name == name } }
    }

    /// The table that Chatwoot finds under this name.
    func table(_ name: String) -> RelationFacts? {
        let found = (contents?.relations ?? []).filter {
            $0.object.name == name && [.table, .partitionedTable].contains($0.kind)
        }
        return path.lazy.compactMap { schema in found.first { $0.object.schema == schema } }.first
    }

    /// The tables in the schemas of Chatwoot's search path.
    var tables: [RelationFacts] {
        let path = Set(path)
        return (contents?.relations ?? []).filter {
            [.table, .partitionedTable].contains($0.kind) && path.contains($0.object.schema)
        }
    }

    /// The tables that contain rows, or may contain rows that the readers cannot see, without
    /// Rails' own.
    var data: [RelationFacts] {
        (contents?.relations ?? []).filter {
            $0.keepsRows && $0.rows != .none && !Self.railsTables.contains($0.object.name)
        }
    }

    /// Whether Rails considers the schema loaded: it writes `ar_internal_metadata` after the last
    /// table.
    var isLoaded: Bool { table("ar_internal_metadata") != nil }

    /// Whether there are users; assumed if they cannot be read.
    var hasUsers: Bool { (table("users")?.rows ?? .none) != .none }

    /// Whether there are settings, which the seed creates, and the task's migrations too.
    var hasSettings: Bool { (table("installation_configs")?.rows ?? .none) != .none }

    /// The migrations as text.
    var summary: String {
        guard let migrations else { return "migrations that cannot be read" }
        return "\(migrations.count) migrations, newest \(migrations.newest.isEmpty ? "none" : migrations.newest)"
    }

    /// The figures that a migration changes but running pods do not.
    var figures: String { "\(tables.count) tables, \(summary)" }

    /// The tables with rows, those with the most first:
    /// `conversations 500, users 3, extra.notes with rows that kb_admin may not read`.
    var dataWords: String {
        func count(_ table: RelationFacts) -> Int {
            if case .some(let counted?) = table.rows { counted } else { RelationFacts.countLimit }
        }
        let path = Set(path)
        let words = data.sorted { (-count($0), $0.object.name) < (-count($1), $1.object.name) }.map { table in
            let name = (path.contains(table.object.schema) ? "" : "\(table.object.schema).") + table.object.name
            return switch table.rows {
            case .some(let counted?) where counted < RelationFacts.countLimit: "\(name) \(counted)"
            case .some(.some): "\(name) \(RelationFacts.countLimit) or more"
            case .unseen: "\(name) \(table.bytes) bytes that \(contents?.reader ?? "nobody") may not read"
            case .some(.none), .none: name
            }
        }
        let shown = words.prefix(12).joined(separator: ", ") + (words.count > 12 ? " and \(words.count - 12) more" : "")
        return contents?.hasLargeObjects == true ? shown + (shown.isEmpty ? "" : ", ") + "large objects" : shown
    }

    /// The figures of a complete database, for images whose sources were read.
    static let known = ["v3.12.0": Migrations(count: 42, newest: "20240516003531")]

    /// Whether the database matches the known figures of this image.
    func isKnownToBeComplete(for image: ImageReference) -> Bool {
        guard hasSettings, let tag = image.tag, let known = Self.known[tag] else { return false }
        return migrations == known
    }
}
