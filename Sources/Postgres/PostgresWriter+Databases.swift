import ClientKit

extension PostgresWriter {
    /// Ensures that a database exists, is UTF8 and belongs to `owner`, and returns it as read back.
    ///
    /// A new one is created from template0, so that it does not contain local additions to
    /// template1, unless `fromTemplate1`. PostgreSQL creates no database in a transaction: its row in
    /// the catalogue shows that it is complete.
    @discardableResult
    public func ensureDatabase(
        _ name: String, owner: String, fromTemplate1: Bool = false
    ) async throws(PostgresError) -> DatabaseFacts {
        let attempt = "create database \(name)"
        let doubt = "it does not exist, or does not belong to \(owner), after it was created"
        try await ensure(attempt, otherwise: doubt) { () throws(PostgresError) in
            try await Statement(
                changing: """
                    CREATE DATABASE \(connection.identifier(name)) OWNER \(connection.identifier(owner)) \
                    ENCODING 'UTF8' TEMPLATE \(fromTemplate1 ? "template1" : "template0")
                    """, isAlone: true)
        } until: { () throws(PostgresError) in
            try await databaseState(name) != nil
        }
        try await ensure(attempt, otherwise: doubt) { () throws(PostgresError) in
            try await Statement(
                changing: "ALTER DATABASE \(connection.identifier(name)) OWNER TO \(connection.identifier(owner))")
        } until: { () throws(PostgresError) in
            try await databaseState(name)?.owner == owner
        }
        guard let state = try await databaseState(name), state.owner == owner else {
            throw await notInEffect(attempt, cause: doubt)
        }
        guard state.encoding == "UTF8" else {
            throw PostgresError(
                .notInEffect, attempt: attempt, host: await connection.place,
                cause: "the database exists with encoding \(state.encoding), which cannot be changed",
                remedy: "dump it, drop it and restore it into a UTF8 database, or use another name", kind: .failed)
        }
        return state
    }

    /// Gives a database another name and allows connections to it, in one transaction.
    ///
    /// Fails with SQLSTATE 42P04 if the name is taken, and with 55006 while sessions are connected.
    public func setAside(_ name: String, as newName: String) async throws(PostgresError) {
        let doubt = "the server accepted it, and its databases have the names that they had"
        try await ensure("rename database \(name) to \(newName)", otherwise: doubt) { () throws(PostgresError) in
            let (old, new) = try await (connection.identifier(name), connection.identifier(newName))
            return Statement(together: [
                "ALTER DATABASE \(old) RENAME TO \(new)", "ALTER DATABASE \(new) ALLOW_CONNECTIONS true",
            ])
        } until: { () throws(PostgresError) in
            let isFree = try await databaseState(name) == nil
            return try await databaseState(newName) != nil && isFree
        }
    }

    /// Revokes CONNECT on a database from PUBLIC; owner and superusers keep it.
    public func revokeConnectFromPublic(on database: String) async throws(PostgresError) {
        // Without the right to revoke the server only warns.
        try await ensure(
            "revoke CONNECT on \(database) from PUBLIC",
            otherwise: "PUBLIC can still connect after the privilege was revoked"
        ) { () throws(PostgresError) in
            Statement(
                changing: "REVOKE CONNECT ON DATABASE \(try await connection.identifier(database)) FROM PUBLIC")
        } until: { () throws(PostgresError) in
            try await databaseState(database)?.publicMayConnect == false
        }
    }

    /// Grants CONNECT on a database to its owner again.
    public func grantConnectToOwner(of database: String) async throws(PostgresError) {
        guard let owner = try await databaseState(database)?.owner else { return }
        try await ensure(
            "grant CONNECT on \(database) to \(owner)",
            otherwise: "the owner still lacks the privilege after it was granted"
        ) { () throws(PostgresError) in
            let (place, role) = try await (connection.identifier(database), connection.identifier(owner))
            return Statement(changing: "GRANT CONNECT ON DATABASE \(place) TO \(role)")
        } until: { () throws(PostgresError) in
            try await databaseState(database)?.ownerMayConnect == true
        }
    }

    /// Grants `role` USAGE and CREATE on a schema of the connected database.
    public func grantUse(of schema: String = "public", to role: String) async throws(PostgresError) {
        try await ensure(
            "grant schema \(schema) to \(role)",
            otherwise: "the role still lacks the privilege after it was granted"
        ) { () throws(PostgresError) in
            let (place, user) = try await (connection.identifier(schema), connection.identifier(role))
            return Statement(changing: "GRANT USAGE, CREATE ON SCHEMA \(place) TO \(user)")
        } until: { () throws(PostgresError) in
            let state = try await schemaState(schema, for: role)
            return state?.roleMayUse == true && state?.roleMayCreate == true
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
        let attempt = "create extension \(name)"
        let doubt = "the extension does not exist after it was created"
        try await ensure(attempt, otherwise: doubt) { () throws(PostgresError) in
            var sql = "CREATE EXTENSION IF NOT EXISTS \(try await connection.identifier(name))"
            if let schema { sql += " SCHEMA \(try await connection.identifier(schema))" }
            return Statement(changing: sql)
        } until: { () throws(PostgresError) in
            try await present() != nil
        }
        guard let state = try await present() else { throw await notInEffect(attempt, cause: doubt) }
        return state
    }
}
