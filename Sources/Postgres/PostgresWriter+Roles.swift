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
        func isAsWanted(_ state: RoleState?) -> Bool { state?.attributes == wanted && state?.validUntil == nil }
        let attempt = "create role \(name)"
        let doubt = "the role differs from what was requested after it was created or altered"
        try await ensure(attempt, otherwise: doubt) { () throws(PostgresError) in
            try await creation(of: name, attributes: wanted, password: password)
        } until: { () throws(PostgresError) in
            try await roleState(name) != nil
        }
        try await ensure(attempt, otherwise: doubt) { () throws(PostgresError) in
            let found = try await roleState(name)
            let validity = found?.validUntil == nil ? "" : " VALID UNTIL 'infinity'"
            let options = wanted.options(besides: found?.attributes ?? wanted) + validity
            return Statement(changing: "ALTER ROLE \(try await connection.identifier(name)) \(options)")
        } until: { () throws(PostgresError) in
            isAsWanted(try await roleState(name))
        }
        guard let state = try await roleState(name), isAsWanted(state) else {
            throw await notInEffect(attempt, cause: doubt)
        }
        return state
    }

    /// Sets a role's password; only its SCRAM verifier is sent to the server.
    ///
    /// Which password a role has is nothing that can be read: that it is in effect, only a login shows.
    public func setPassword(_ password: Secret, of name: String) async throws(PostgresError) {
        try await change { () throws(PostgresError) in
            let verifier = try await connection.verifier(of: password, role: name)
            let sql = try await "ALTER ROLE \(connection.identifier(name)) PASSWORD \(connection.literal(verifier))"
            return Statement(changing: sql, secrets: [verifier])
        } until: { () throws(PostgresError) in
            false
        }
    }

    private func creation(
        of name: String, attributes wanted: RoleAttributes, password: Secret
    ) async throws(PostgresError) -> Statement {
        let verifier = try await connection.verifier(of: password, role: name)
        var bare = RoleAttributes()
        bare.canLogin = false
        let options = wanted.options(besides: bare)
        let sql = try await
            "CREATE ROLE \(connection.identifier(name)) \(options) PASSWORD \(connection.literal(verifier))"
        return Statement(changing: sql, secrets: [verifier])
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
