import ClientKit
import Postgres
import Redis
import StepKit

extension ResetDatabase {
    /// Why the administrator may not rename the database; `nil` if that is permitted.
    ///
    /// PostgreSQL requires the owner's privileges to refuse connections, and also CREATEDB to
    /// rename.
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

    /// Whether there is something to reset, or was before this run was interrupted.
    static func hasWork(_ state: DatabaseState, keys: ChatwootKeys, options: RunOptions) -> Bool {
        state.server.database != nil || !keys.all.isEmpty || options.isResumed
    }

    /// The name that this run gives the old database: `chatwoot_before_20261124t120000z`.
    static func nameAside(_ site: SiteReader) -> String {
        nameAside(site.inventory.chatwoot.database, run: site.options.run)
    }

    /// The name for `database`, shortened to the 63 bytes that PostgreSQL allows for a name.
    static func nameAside(_ database: String, run: String?) -> String {
        let suffix = "_before_" + (run?.prefix { $0 != "-" }.lowercased() ?? "time_of_the_run")
        var start = database
        while start.utf8.count + suffix.utf8.count > 63 { start.removeLast() }
        return start + suffix
    }

    /// The old data's keys; throws while another application's Sidekiq uses the same database,
    /// since they could be its jobs.
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

    /// Notes how to return to the old database.
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
              ALTER DATABASE "\(chatwoot.database)" RENAME TO "\(Self.nameAside(chatwoot.database, run: "again"))";
              ALTER DATABASE "\(aside)" RENAME TO "\(chatwoot.database)";
              \(site.commandLine(.run))
            """)
    }

    /// Refuses connections to the database, terminates Chatwoot's sessions, and renames it once nobody
    /// is connected, in the transaction that allows connections to it under its new name.
    ///
    /// If that fails or the run is interrupted, connections are allowed again, unless they were
    /// refused before; if that fails too, a warning contains the statement.
    func setAside(_ database: DatabaseFacts, as aside: String, on site: SiteWriter) async throws {
        let login = DatabaseLogin.admin(database: site.reader.inventory.postgres.adminDatabase)
        // An earlier process of this run may have been killed before it could allow them again.
        let allowed = database.allowsConnections || site.reader.options.isResumed
        do {
            let admin = try await site.postgres(login)
            try await admin.allowConnections(false, to: database.name)
            try await renameWhenFree(database.name, to: aside, by: admin, on: site.reader)
        } catch {
            // A separate task, because an interruption of the run would end this one at its first
            // wait.
            let second = await Task {
                allowed ? await allowConnections(to: database.name, on: site) : nil
            }.value
            if let first = error as? any ExplainedError, let second {
                throw CombinedFailure(first.attempt, [first, second])
            }
            throw error
        }
    }

    /// Allows connections to the database that was not renamed; returns why that failed.
    private func allowConnections(to name: String, on site: SiteWriter) async -> (any ExplainedError)? {
        let adminDatabase = site.reader.inventory.postgres.adminDatabase
        do {
            // The connection of before may be what broke, in the moment of the renaming.
            let admin = try await site.postgres(.admin(database: adminDatabase))
            if try await admin.databaseState(name) != nil { try await admin.allowConnections(true, to: name) }
            return nil
        } catch {
            let statement = "ALTER DATABASE \(quoted(name)) ALLOW_CONNECTIONS true"
            // Shown and recorded also where the run was interrupted, which has no other message.
            site.reader.reporter.warns(
                "connections to the database \(name) are still refused; "
                    + site.reader.remedy("\(.resume) or \(.newRun) allows them, and so does an administrator in ")
                    + "database \(adminDatabase): \(statement)",
                about: .thing(.database(name: name), words: "connections"))
            return error as? any ExplainedError
                ?? StepFailure(
                    "allow connections to the database \(name)", host: site.reader.postgresWords,
                    cause: "\(error)", remedy: "run in database \(adminDatabase): \(statement)")
        }
    }

    /// Waits for the sessions of roles other than Chatwoot's, which the runner must not terminate,
    /// and names those that remain.
    private func renameWhenFree(
        _ name: String, to aside: String, by admin: PostgresWriter, on site: SiteReader
    ) async throws {
        var sessions: [DatabaseSession] = []
        var refusal: PostgresError?
        let limit = site.inventory.limits.service
        let isDone = try await poll(within: limit.duration) { left in
            let state = try await DatabaseState.readSessions(site, isBeforeReset: true)
            sessions = state.sessions
            if sessions.contains(where: { $0.user == state.role }) {
                try await admin.endSessions(of: state.role, on: name)
            }
            guard sessions.isEmpty else {
                site.reporter.says("waiting for \(sessions.count) sessions on \(name) to end", left: left)
                return false
            }
            do {
                try await admin.setAside(name, as: aside)
                return true
            } catch let error as PostgresError where error.sqlState == "55006" {
                // A session that started before connections were refused may show up only now;
                // prepared transactions and background workers are never among the sessions.
                refusal = error
                return false
            }
        }
        guard isDone else {
            let (users, ending): (String, String) =
                if let refusal, sessions.isEmpty {
                    (
                        refusal.cause,
                        "end what uses it (see pg_prepared_xacts, and background workers in pg_stat_activity)"
                    )
                } else {
                    (
                        "it is in use: \(sessions.map(\.description).joined(separator: "; "))",
                        "terminate these sessions"
                    )
                }
            throw StepFailure(
                "set the database \(name) aside", host: site.postgresWords,
                cause: "\(users), also after \(limit.inWords); Chatwoot's pods are stopped",
                remedy: site.remedy("\(ending) and \(.resume), or \(.newRun) to start Chatwoot as it was"))
        }
    }
}

extension SiteReader {
    /// The addresses of PostgreSQL, for errors.
    var postgresWords: String { inventory.postgres.hosts.joined(separator: ", ") }
}
