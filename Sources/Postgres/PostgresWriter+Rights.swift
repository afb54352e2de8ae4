import ClientKit

extension PostgresWriter {
    /// Makes the logged-in role a member of `role` that inherits its privileges and may SET ROLE to
    /// it.
    public func join(_ role: String) async throws(PostgresError) {
        let isOlder = await connection.serverVersion < 160_000
        try await ensure(
            "join role \(role)", otherwise: "the logged-in role still lacks its privileges after it was granted"
        ) { () throws(PostgresError) in
            // From 16 on, these are options of the membership itself.
            let options = isOlder ? "" : " WITH INHERIT TRUE, SET TRUE"
            return Statement(
                changing: "GRANT \(try await connection.identifier(role)) TO CURRENT_USER\(options)")
        } until: { () throws(PostgresError) in
            try await value(
                "SELECT pg_has_role($1, 'USAGE') AND pg_has_role($1, $2)", [role, isOlder ? "MEMBER" : "SET"]) == true
        }
    }

    /// Allows connections to a database, or refuses new ones to everyone, including superusers and
    /// poolers.
    public func allowConnections(_ isAllowed: Bool, to database: String) async throws(PostgresError) {
        try await ensure(
            "\(isAllowed ? "allow" : "refuse") connections to \(database)",
            otherwise: "the server still reports the old setting"
        ) { () throws(PostgresError) in
            Statement(
                changing: "ALTER DATABASE \(try await connection.identifier(database)) ALLOW_CONNECTIONS \(isAllowed)")
        } until: { () throws(PostgresError) in
            try await databaseState(database)?.allowsConnections == isAllowed
        }
    }

    /// Terminates the sessions of `role` on `database`, and no others.
    public func endSessions(of role: String, on database: String) async throws(PostgresError) {
        try await execute(
            """
            SELECT pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
            WHERE datname = \(connection.literal(database)) AND usename = \(connection.literal(role)) \
            AND pid <> pg_backend_pid()
            """)
    }

    /// Terminates one session, provided that it is still the one that was found and began before `end`; returns whether
    /// there was such a session.
    ///
    /// By now its process number may be another session's, and its `application_name` another client's.
    /// - Parameter end: In RFC 3339, by another server's clock.
    public func endSession(_ session: DatabaseSession, begunBefore end: String) async throws(PostgresError) -> Bool {
        try await !execute(
            """
            SELECT pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE pid = \(session.process) \
            AND datname = \(connection.literal(session.database)) AND usename = \(connection.literal(session.user)) \
            AND application_name = \(connection.literal(session.application)) \
            AND backend_start < \(connection.literal(end))::timestamptz
            """
        ).isEmpty
    }

    /// Transfers objects of the connected database to the role that their statements name, in one transaction.
    ///
    /// Whose objects an application's are may show by what else their owner has, so that half of them would hide the rest.
    public func takeOver(_ objects: [OwnedObject]) async throws(PostgresError) {
        guard !objects.isEmpty else { return }
        // To transfer one again changes nothing.
        try await change { () throws(PostgresError) in
            Statement(together: objects.map(\.takeOver))
        } until: { () throws(PostgresError) in
            false
        }
    }

    /// Moves an extension of the connected database to another schema.
    public func moveExtension(_ name: String, to schema: String) async throws(PostgresError) {
        try await ensure(
            "move extension \(name) to schema \(schema)", otherwise: "the server still reports the old schema"
        ) { () throws(PostgresError) in
            let (moved, place) = try await (connection.identifier(name), connection.identifier(schema))
            return Statement(changing: "ALTER EXTENSION \(moved) SET SCHEMA \(place)")
        } until: { () throws(PostgresError) in
            try await extensionStates([name]).first?.schema == schema
        }
    }
}
