/// A session on a server, as pg_stat_activity shows it to the reader.
///
/// For roles whose privileges the reader lacks, the server shows neither address nor state nor
/// statement; it shows locks to everyone.
public struct DatabaseSession: Sendable, Hashable, Decodable, CustomStringConvertible {
    /// The server process.
    public var process: Int
    /// The role it logged in as.
    public var user: String
    /// The database it is connected to.
    public var database: String
    /// The client's address; empty for a Unix socket.
    public var address: String
    /// Its `application_name`.
    public var application: String
    /// When it began: `2026-01-31 12:00:00 UTC`.
    public var since: String
    /// `active`, `idle`, `idle in transaction` …; `unknown` where the server does not show it.
    public var state: String
    /// The keys of the advisory locks that it holds, among those with a single 64-bit key.
    public var advisoryLocks: Set<Int64>
    /// Whether it creates, alters or drops tables or indexes, or did so within the last half
    /// minute.
    public var changesTables: Bool

    /// Describes a session; see the properties.
    public init(
        process: Int, user: String, database: String, address: String = "", application: String = "",
        since: String = "an unknown time",
        state: String = "idle", advisoryLocks: Set<Int64> = [], changesTables: Bool = false
    ) {
        self.process = process
        self.user = user
        self.database = database
        self.address = address
        self.application = application
        self.since = since
        self.state = state
        self.advisoryLocks = advisoryLocks
        self.changesTables = changesTables
    }

    /// `process 123: desk from 10.233.64.9 (puma: cluster worker)`.
    public var description: String {
        "process \(process): \(user)\(address.isEmpty ? "" : " from \(address)")"
            + (application.isEmpty ? "" : " (\(application))")
    }
}

extension PostgresReading {
    /// The sessions on the database `name`, and those of `role` on any database, except this
    /// connection's own.
    ///
    /// Locks and changes of tables are read only for sessions on the database. Autovacuum workers
    /// do not count as sessions: they belong to no role, and do not prevent renaming or dropping
    /// the database.
    public func sessions(
        on name: String, orOf role: String? = nil
    ) async throws(PostgresError) -> [DatabaseSession] {
        try await row(of: Self.sessionsQuery, [name, role]).json("sessions")
    }

    /// A change of tables is recognised by its statement, also for a while afterwards since a
    /// schema load is a series of short transactions, and within a transaction by its lock.
    private static var sessionsQuery: String {
        #"""
        WITH locks AS MATERIALIZED (SELECT * FROM pg_catalog.pg_locks WHERE granted \#
        AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = $1)) \#
        SELECT coalesce(json_agg(json_build_object('process', a.pid, 'user', coalesce(a.usename, ''), \#
        'database', coalesce(a.datname, ''), \#
        'address', coalesce(host(a.client_addr), ''), 'application', coalesce(a.application_name, ''), \#
        'since', coalesce(to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'), \#
        'an unknown time'), 'state', coalesce(a.state, 'unknown'), 'advisoryLocks', \#
        (SELECT coalesce(json_agg(l.classid::bigint << 32 | l.objid::bigint), '[]') FROM locks l \#
        WHERE l.pid = a.pid AND l.locktype = 'advisory' AND l.objsubid = 1), 'changesTables', \#
        EXISTS (SELECT FROM locks l WHERE l.pid = a.pid AND l.locktype = 'relation' \#
        AND l.mode = 'AccessExclusiveLock') OR coalesce(a.query ~* \#
        '^(\s|/\*([^*]|\*[^/])*\*/)*(create|alter|drop)\s+(unlogged\s+)?(table|index|unique)' \#
        AND (a.state <> 'idle' OR a.state_change > now() - interval '30 seconds'), false)) ORDER BY a.pid), '[]') \#
        AS sessions FROM pg_catalog.pg_stat_activity a WHERE (a.datname = $1 OR a.usename = $2) AND a.pid <> pg_backend_pid() \#
        AND a.usesysid IS NOT NULL
        """#
    }
}
