public import ClientKit

extension PostgresWriter {
    /// Ensures that a role exists with these attributes and a password that never expires, and
    /// returns it as read back.
    ///
    /// The password is set only if the role is created here: use ``setPassword(_:of:)`` to change
    /// it.
    @discardableResult
    public func ensureRole(
        _ name: String, attributes wanted: RoleAttributes = RoleAttributes(), password: Secret
    ) async throws(PostgresError) -> RoleState {
        if try await roleState(name) == nil { try await createRole(name, attributes: wanted, password: password) }
        if let found = try await roleState(name), found.attributes != wanted || found.validUntil != nil {
            let validity = found.validUntil == nil ? "" : " VALID UNTIL 'infinity'"
            let options = wanted.options(besides: found.attributes) + validity
            try await execute("ALTER ROLE \(connection.identifier(name)) \(options)")
        }
        guard let state = try await roleState(name), state.attributes == wanted, state.validUntil == nil else {
            throw await notInEffect(
                "create role \(name)",
                cause: "the role differs from what was requested after it was created or altered")
        }
        return state
    }

    /// Sets a role's password; only its SCRAM verifier is sent to the server.
    public func setPassword(_ password: Secret, of name: String) async throws(PostgresError) {
        let verifier = try await connection.verifier(of: password, role: name)
        let sql = try await "ALTER ROLE \(connection.identifier(name)) PASSWORD \(connection.literal(verifier))"
        _ = try await rows(Statement(sql, effect: .change, secrets: [verifier]))
    }

    private func createRole(
        _ name: String, attributes wanted: RoleAttributes, password: Secret
    ) async throws(PostgresError) {
        let verifier = try await connection.verifier(of: password, role: name)
        var bare = RoleAttributes()
        bare.canLogin = false
        let options = wanted.options(besides: bare)
        let sql = try await
            "CREATE ROLE \(connection.identifier(name)) \(options) PASSWORD \(connection.literal(verifier))"
        try await accepting(duplicates: Statement(sql, effect: .change, secrets: [verifier]))
    }

    /// Runs a CREATE statement, and accepts that something else created the object in the meantime.
    ///
    /// Callers read the object back in either case. 23505 is the error if two sessions create it at
    /// the same moment.
    func accepting(duplicates statement: Statement) async throws(PostgresError) {
        do throws(PostgresError) {
            _ = try await rows(statement)
        } catch {
            guard ["42710", "42P04", "42P06", "23505"].contains(error.sqlState) else { throw error }
        }
    }

    func notInEffect(_ attempt: String, cause: String) async -> PostgresError {
        PostgresError(
            .notInEffect, attempt: attempt, host: await connection.place, cause: cause,
            remedy: "check whether somebody else is changing it, and which privileges the admin role lacks",
            kind: .failed)
    }
}

extension RoleAttributes {
    /// The options that turn `present` into these attributes.
    ///
    /// Options that are already right are left out: even naming SUPERUSER or REPLICATION requires a
    /// superuser.
    public func options(besides present: RoleAttributes) -> String {
        var options: [String] = []
        func add(_ keyword: String, wanted: Bool, present: Bool) {
            if wanted != present { options.append(wanted ? keyword : "NO\(keyword)") }
        }
        add("LOGIN", wanted: canLogin, present: present.canLogin)
        add("SUPERUSER", wanted: isSuperuser, present: present.isSuperuser)
        add("CREATEDB", wanted: canCreateDatabases, present: present.canCreateDatabases)
        add("CREATEROLE", wanted: canCreateRoles, present: present.canCreateRoles)
        add("REPLICATION", wanted: canReplicate, present: present.canReplicate)
        add("BYPASSRLS", wanted: bypassesRowSecurity, present: present.bypassesRowSecurity)
        if connectionLimit != present.connectionLimit { options.append("CONNECTION LIMIT \(connectionLimit)") }
        return options.joined(separator: " ")
    }
}
