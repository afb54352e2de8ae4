extension PostgresWriter {
    /// Makes the logged-in role a member of `role` that inherits its privileges and may SET ROLE to
    /// it.
    public func join(_ role: String) async throws(PostgresError) {
        // From 16 on, these are options of the membership itself.
        let options = await connection.serverVersion < 160_000 ? "" : " WITH INHERIT TRUE, SET TRUE"
        try await execute("GRANT \(connection.identifier(role)) TO CURRENT_USER\(options)")
    }

    /// Allows connections to a database, or refuses new ones to everyone, including superusers and
    /// poolers.
    public func allowConnections(_ isAllowed: Bool, to database: String) async throws(PostgresError) {
        if try await databaseState(database)?.allowsConnections == isAllowed { return }
        try await execute("ALTER DATABASE \(connection.identifier(database)) ALLOW_CONNECTIONS \(isAllowed)")
        guard try await databaseState(database)?.allowsConnections == isAllowed else {
            throw await notInEffect(
                "\(isAllowed ? "allow" : "refuse") connections to \(database)",
                cause: "the server still reports the old setting"
            )
        }
    }

    /// Terminates the sessions of `role` on `database`, and no others.
    public func endSessions(of role: String, on database: String) async throws(PostgresError) {
        try await execute(
            """
            SELECT pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
            WHERE datname = $1 AND usename = $2 AND pid <> pg_backend_pid()
            """, [database, role])
    }

    /// Transfers an object of the connected database to the role that its statement names.
    public func takeOver(_ object: OwnedObject) async throws(PostgresError) {
        try await execute(object.takeOver)
    }

    /// Moves an extension of the connected database to another schema.
    public func moveExtension(_ name: String, to schema: String) async throws(PostgresError) {
        try await execute(
            "ALTER EXTENSION \(connection.identifier(name)) SET SCHEMA \(connection.identifier(schema))")
    }
}
