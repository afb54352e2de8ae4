import ClientKit

extension PostgresWriter {
    /// Ensures that a database exists, is UTF8 and belongs to `owner`, and returns it as read back.
    ///
    /// A new one is created from template0, so that it does not contain local additions to
    /// template1, unless `fromTemplate1`.
    @discardableResult
    public func ensureDatabase(
        _ name: String, owner: String, fromTemplate1: Bool = false
    ) async throws(PostgresError) -> DatabaseFacts {
        if try await databaseState(name) == nil {
            let sql = try await """
            CREATE DATABASE \(connection.identifier(name)) OWNER \(connection.identifier(owner)) \
            ENCODING 'UTF8' TEMPLATE \(fromTemplate1 ? "template1" : "template0")
            """
            try await accepting(duplicates: Statement(sql, effect: .change))
        }
        if let found = try await databaseState(name), found.owner != owner {
            try await execute(
                "ALTER DATABASE \(connection.identifier(name)) OWNER TO \(connection.identifier(owner))")
        }
        guard let state = try await databaseState(name), state.owner == owner else {
            throw await notInEffect(
                "create database \(name)",
                cause: "it does not exist, or does not belong to \(owner), after it was created")
        }
        guard state.encoding == "UTF8" else {
            throw PostgresError(
                .notInEffect, attempt: "create database \(name)", host: await connection.place,
                cause: "the database exists with encoding \(state.encoding), which cannot be changed",
                remedy: "dump it, drop it and restore it into a UTF8 database, or use another name", kind: .failed)
        }
        return state
    }

    /// Renames a database; fails with SQLSTATE 42P04 if the name is taken, and with 55006 while
    /// sessions are connected.
    public func renameDatabase(_ name: String, to newName: String) async throws(PostgresError) {
        try await execute(
            "ALTER DATABASE \(connection.identifier(name)) RENAME TO \(connection.identifier(newName))")
    }

    /// Revokes CONNECT on a database from PUBLIC; owner and superusers keep it.
    public func revokeConnectFromPublic(on database: String) async throws(PostgresError) {
        if try await databaseState(database)?.publicMayConnect == false { return }
        try await execute("REVOKE CONNECT ON DATABASE \(connection.identifier(database)) FROM PUBLIC")
        // Without the privilege to revoke, the server only warns.
        guard try await databaseState(database)?.publicMayConnect == false else {
            throw await notInEffect(
                "revoke CONNECT on \(database) from PUBLIC",
                cause: "PUBLIC can still connect after the privilege was revoked")
        }
    }

    /// Grants CONNECT on a database to its owner again.
    public func grantConnectToOwner(of database: String) async throws(PostgresError) {
        guard let state = try await databaseState(database), !state.ownerMayConnect else { return }
        try await execute(
            "GRANT CONNECT ON DATABASE \(connection.identifier(database)) TO \(connection.identifier(state.owner))")
        guard try await databaseState(database)?.ownerMayConnect == true else {
            throw await notInEffect(
                "grant CONNECT on \(database) to \(state.owner)",
                cause: "the owner still lacks the privilege after it was granted"
            )
        }
    }

    /// Grants `role` USAGE and CREATE on a schema of the connected database.
    public func grantUse(of schema: String = "public", to role: String) async throws(PostgresError) {
        func isGranted() async throws(PostgresError) -> Bool {
            let state = try await schemaState(schema, for: role)
            return state?.roleMayUse == true && state?.roleMayCreate == true
        }
        if try await isGranted() { return }
        try await execute(
            "GRANT USAGE, CREATE ON SCHEMA \(connection.identifier(schema)) TO \(connection.identifier(role))")
        guard try await isGranted() else {
            throw await notInEffect(
                "grant schema \(schema) to \(role)", cause: "the role still lacks the privilege after it was granted")
        }
    }

    /// Creates an extension in the connected database if it is missing, in `schema` if one is
    /// given; returns it as read back.
    @discardableResult
    public func ensureExtension(_ name: String, in schema: String? = nil) async throws(PostgresError) -> ExtensionState
    {
        func present() async throws(PostgresError) -> ExtensionState? {
            try await extensionStates([name]).first { $0.installedVersion != nil }
        }
        if let state = try await present() { return state }
        var sql = try await "CREATE EXTENSION IF NOT EXISTS \(connection.identifier(name))"
        if let schema { sql += try await " SCHEMA \(connection.identifier(schema))" }
        try await accepting(duplicates: Statement(sql, effect: .change))
        guard let state = try await present() else {
            throw await notInEffect(
                "create extension \(name)", cause: "the extension does not exist after it was created")
        }
        return state
    }
}
