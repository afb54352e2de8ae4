import Postgres

/// Recognises a migration's session.
enum MigrationSessions {
    /// The application_name of the Jobs' sessions; see ``MigrationJob``.
    static let applicationName = "chatwoot-migrations-"

    /// The key of the advisory lock that Rails' migrations take: a constant times the CRC-32 of the
    /// database's name.
    static func migrationLock(of database: String) -> Int64 {
        2_053_462_845 * Int64(crc32(Array(database.utf8)))
    }

    private static func crc32(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(~0) { sum, byte in
            (0..<8).reduce(sum ^ UInt32(byte)) { rest, _ in rest & 1 == 1 ? (rest >> 1) ^ 0xEDB8_8320 : rest >> 1 }
        }
    }
}

extension DatabaseState {
    /// The sessions of migrations: by the application_name of the Jobs, by Rails' lock, or because
    /// Chatwoot's role is changing tables.
    ///
    /// The last one recognises a `db:chatwoot_prepare` that was started by hand while it loads the
    /// schema, which Rails does without a lock and in one short transaction per table. Serving pods
    /// never alter a table.
    var migrationSessions: [DatabaseSession] {
        sessions.filter { session in
            session.application.hasPrefix(MigrationSessions.applicationName) || holdsMigrationLock(session)
                || (session.user == role && session.changesTables)
        }
    }

    /// `session 4711 of chatwoot-migrations-… from 10.233.64.7, active, since 2026-01-31 12:00:00 UTC; session …`.
    var migrationWords: String {
        migrationSessions.map { session in
            "session \(session.process)\(session.application.isEmpty ? "" : " of \(session.application)")"
                + "\(session.address.isEmpty ? "" : " from \(session.address)"), \(session.state), since \(session.since)"
                + (holdsMigrationLock(session) ? ", with Rails' migration lock" : "")
                + (session.changesTables ? ", which changes tables" : "")
        }.joined(separator: "; ")
    }

    private func holdsMigrationLock(_ session: DatabaseSession) -> Bool {
        session.advisoryLocks.contains(MigrationSessions.migrationLock(of: database))
    }
}
