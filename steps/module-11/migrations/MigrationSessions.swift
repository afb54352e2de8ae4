import ClientKit
import Postgres
import StepKit

/// The sessions of migrations, as the database shows them: what decides whether one works that the cluster does not see.
struct MigrationSessions {
    private let site: SiteReader

    init(_ site: SiteReader) {
        self.site = site
    }

    /// How the Jobs' sessions are called in the database; see ``MigrationJob``.
    static let applicationName = "chatwoot-migrations-"

    /// One session.
    struct Session: Sendable, Hashable {
        let pid: Int
        let application: String
        let address: String
        let since: String
        let state: String
        let holdsLock: Bool
        let changesSchema: Bool

        /// `session 4711 of chatwoot-migrations-… from 10.233.64.7, active, since 2026-01-31 12:00:00`.
        var words: String {
            "session \(pid)\(application.isEmpty ? "" : " of \(application)")"
                + "\(address.isEmpty ? "" : " from \(address)"), \(state), since \(since)"
                + (holdsLock ? ", with Rails' migration lock" : "")
                + (changesSchema ? ", which changes tables" : "")
        }
    }

    /// The sessions that are a migration's: by the name that the Jobs give themselves, by the lock that Rails holds, or because
    /// Chatwoot's role changes tables there now.
    ///
    /// The last is how `db:chatwoot_prepare`, started by hand, shows while it loads the schema, which Rails does without a lock
    /// and in one short transaction a table. Pods that serve never change a table. None where there is no database yet.
    func read() async throws -> [Session] {
        guard let database = try await reader() else { return [] }
        let chatwoot = site.inventory.chatwoot
        let lock = Self.migrationLock(of: chatwoot.database)
        return try await database.query(
            """
            SELECT a.pid, a.application_name AS application, host(a.client_addr) AS address, \
            to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"') AS since, \
            coalesce(a.state, 'unknown') AS state, l.pid IS NOT NULL AS lock, d.changes \
            FROM pg_catalog.pg_stat_activity a LEFT JOIN pg_catalog.pg_locks l ON l.pid = a.pid \
            AND l.locktype = 'advisory' AND l.classid = $2 AND l.objid = $3 AND l.objsubid = 1 AND l.granted \
            CROSS JOIN LATERAL (SELECT coalesce(a.usename = $5 AND a.pid <> pg_catalog.pg_backend_pid() \
            AND a.query ~* '^\\s*(create|alter|drop)\\s+(unlogged\\s+)?(table|index|unique)' \
            AND (a.state <> 'idle' OR a.state_change > pg_catalog.now() - interval '30 seconds'), false) AS changes) d \
            WHERE a.datname = $1 AND (starts_with(a.application_name, $4) OR l.pid IS NOT NULL OR d.changes) \
            ORDER BY a.pid
            """,
            [
                chatwoot.database, String(lock >> 32), String(lock & 0xFFFF_FFFF), Self.applicationName,
                chatwoot.databaseUser,
            ]
        ).map { row in
            Session(
                pid: try row.value("pid"), application: try row.optional("application") ?? "",
                address: try row.optional("address") ?? "", since: try row.optional("since") ?? "an unknown time",
                state: try row.value("state"), holdsLock: try row.value("lock"),
                changesSchema: try row.value("changes"))
        }
    }

    /// A connection as Chatwoot, which sees its own sessions whole, or else as the administrator; `nil` without a database.
    private func reader() async throws -> PostgresReader? {
        if let password = try await site.chatwootSecrets().databasePassword {
            do {
                return try await site.postgres(.owner(of: .chatwoot(site.inventory), password: password))
            } catch let error as PostgresError where error.sqlState == "3D000" {
                return nil
            } catch let error as PostgresError where error.sqlState != nil {
                // Not let in: the administrator sees the locks all the same.
            }
        }
        return try await site.postgres(.admin(database: site.inventory.postgres.adminDatabase))
    }

    /// The key of the advisory lock that Rails' migrations take: a number of its own times the CRC-32 of the database's name.
    static func migrationLock(of database: String) -> Int64 {
        2_053_462_845 * Int64(crc32(Array(database.utf8)))
    }

    private static func crc32(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(~0) { sum, byte in
            (0..<8).reduce(sum ^ UInt32(byte)) { rest, _ in rest & 1 == 1 ? (rest >> 1) ^ 0xEDB8_8320 : rest >> 1 }
        }
    }
}
