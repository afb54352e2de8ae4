import Postgres
import Redis
import StepKit

extension ResetDatabase {
    /// Why the administrator may not set the database aside; `nil` where he may.
    ///
    /// PostgreSQL asks for the owner's rights to shut the door, and for CREATEDB beside them to rename.
    static func refusal(_ facts: ServerFacts, adminDatabase: String) -> DatabaseRefusal? {
        let reader = facts.reader
        guard let database = facts.database, !reader.attributes.isSuperuser else { return nil }
        var (causes, statements): ([String], [String]) = ([], [])
        if !facts.readerOwnsDatabase {
            causes.append(
                "the database \(database.name) belongs to \"\(database.owner)\", whose privileges \"\(reader.name)\" lacks"
            )
            statements.append("GRANT \(quoted(database.owner)) TO \(quoted(reader.name))")
        }
        if !reader.attributes.canCreateDatabases {
            causes.append("\"\(reader.name)\" has no CREATEDB, which renaming a database requires")
            statements.append("ALTER ROLE \(quoted(reader.name)) CREATEDB")
        }
        guard !causes.isEmpty else { return nil }
        return DatabaseRefusal(
            attempt: "set the database \(database.name) aside", cause: causes.joined(separator: "; "),
            cure: .statements(statements, database: adminDatabase))
    }

    /// Whether there is something to reset, or was before this run was cut off.
    static func hasWork(_ state: DatabaseState, keys: ChatwootKeys, options: RunOptions) -> Bool {
        state.server.database != nil || !keys.all.isEmpty || options.isResumed
    }

    /// The name that this run gives the old database: `chatwoot_before_20261124t120000z`.
    static func nameAside(_ site: SiteReader) -> String {
        nameAside(site.inventory.chatwoot.database, run: site.options.run)
    }

    /// The name for `database`, cut so that all of it fits into the 63 bytes that PostgreSQL keeps of a name.
    static func nameAside(_ database: String, run: String?) -> String {
        let suffix = "_before_" + (run?.prefix { $0 != "-" }.lowercased() ?? "time_of_the_run")
        var start = database
        while start.utf8.count + suffix.utf8.count > 63 { start.removeLast() }
        return start + suffix
    }

    /// The old data's keys; refused while another application's Sidekiq lives among them, whose jobs they could be.
    static func keys(_ site: SiteReader) async throws -> ChatwootKeys {
        let keys = try await ChatwootKeys.list(site.redis())
        guard let stranger = keys.strangers.first else { return keys }
        throw StepFailure(
            "list the keys of the old data in Redis", host: "\(site.inventory.redis.host):\(site.inventory.redis.port)",
            cause: "the Sidekiq process \(stranger) is not Chatwoot's and uses the same queues in database "
                + "\(site.inventory.redis.database): its jobs cannot be told apart from those of the old data",
            remedy:
                "use another Redis database for one of the two (redis.database in the inventory is Chatwoot's), or stop "
                + "that process during the reset")
    }

    /// Notes how the old database is had back.
    func tellTheWayBack(_ site: SiteReader) {
        let (chatwoot, aside) = (site.inventory.chatwoot, Self.nameAside(site))
        let scale =
            "kubectl -n \(chatwoot.namespace) scale --replicas=0 deployment/\(ChatwootNames.web) "
            + "deployment/\(ChatwootNames.worker)"
        site.reporter.notes(
            """
            the old database is "\(aside)"; to go back to it:
              on a master: \(scale)
              in database \(site.inventory.postgres.adminDatabase), as administrator:
              ALTER DATABASE "\(chatwoot.database)" RENAME TO "\(Self.nameAside(chatwoot.database, run: "anew"))";
              ALTER DATABASE "\(aside)" RENAME TO "\(chatwoot.database)";
              \(site.commandLine(.run))
            """)
    }
}

extension SiteReader {
    /// Where PostgreSQL is, for errors.
    var postgresWords: String { inventory.postgres.hosts.joined(separator: ", ") }
}
