/// The state of a role in the catalogue.
public struct RoleState: Sendable, Hashable {
    /// Its name.
    public let name: String
    /// Its attributes.
    public let attributes: RoleAttributes
    /// When its password expires, as PostgreSQL writes it; `nil` for never.
    public let validUntil: String?
    /// The roles it is a direct member of.
    public let memberOf: [String]

    /// Describes a role; see the properties.
    public init(name: String, attributes: RoleAttributes, validUntil: String? = nil, memberOf: [String] = []) {
        self.name = name
        self.attributes = attributes
        self.validUntil = validUntil
        self.memberOf = memberOf
    }
}

/// The attributes of a role, with `CREATE ROLE`'s defaults except that it may log in.
public struct RoleAttributes: Sendable, Hashable {
    /// LOGIN.
    public var canLogin = true
    /// SUPERUSER.
    public var isSuperuser = false
    /// CREATEDB.
    public var canCreateDatabases = false
    /// CREATEROLE.
    public var canCreateRoles = false
    /// REPLICATION.
    public var canReplicate = false
    /// BYPASSRLS.
    public var bypassesRowSecurity = false
    /// CONNECTION LIMIT; -1 for none.
    public var connectionLimit = -1

    /// A role that may log in and nothing else.
    public init() {}
}

/// The state of a database in the catalogue.
public struct DatabaseFacts: Sendable, Hashable {
    /// Its name.
    public let name: String
    /// The role that owns it.
    public let owner: String
    /// Its encoding, such as `UTF8`.
    public let encoding: String
    /// Whether every role that can log in may connect.
    public let publicMayConnect: Bool
    /// Whether its owner has CONNECT itself, not only through PUBLIC; it can be revoked from an
    /// owner too.
    public let ownerMayConnect: Bool
    /// Whether connections are allowed at all.
    public let allowsConnections: Bool
    /// Its number, which no other database of the server has had; `nil` where it was not read.
    public let oid: Int?

    /// Describes a database; see the properties.
    public init(
        name: String, owner: String, encoding: String = "UTF8", publicMayConnect: Bool = false,
        ownerMayConnect: Bool = true, allowsConnections: Bool = true, oid: Int? = nil
    ) {
        self.oid = oid
        self.name = name
        self.owner = owner
        self.encoding = encoding
        self.publicMayConnect = publicMayConnect
        self.ownerMayConnect = ownerMayConnect
        self.allowsConnections = allowsConnections
    }
}

/// The state of a schema of the connected database, and the privileges of one role on it.
public struct SchemaState: Sendable, Hashable {
    /// Its name.
    public let name: String
    /// The role that owns it.
    public let owner: String
    /// Whether the role has USAGE on it.
    public let roleMayUse: Bool
    /// Whether the role may create tables in it.
    public let roleMayCreate: Bool
}

/// The state of an extension in the connected database and on its server.
public struct ExtensionState: Sendable, Hashable {
    /// Its name.
    public let name: String
    /// The version in the database; `nil` if it is not created there.
    public let installedVersion: String?
    /// The version that the server's files would create; `nil` if its package is not installed
    /// there.
    public let availableVersion: String?
    /// Its schema; `nil` if it is not created in the database.
    public let schema: String?
    /// Whether only a superuser may create it.
    public let needsSuperuser: Bool

    /// Describes an extension; see the properties.
    public init(
        name: String, installedVersion: String?, availableVersion: String?, schema: String? = nil,
        needsSuperuser: Bool = false
    ) {
        self.name = name
        self.installedVersion = installedVersion
        self.availableVersion = availableVersion
        self.schema = schema
        self.needsSuperuser = needsSuperuser
    }
}

extension PostgresReading {
    /// Reads a role from the catalogue; `nil` if there is none with this name.
    public func roleState(_ name: String) async throws(PostgresError) -> RoleState? {
        _ = try await connection.identifier(name)
        let rows = try await query(
            """
            SELECT r.*, (SELECT coalesce(json_agg(g.rolname ORDER BY g.rolname), '[]') FROM pg_catalog.pg_auth_members m \
            JOIN pg_catalog.pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid) AS member_of \
            FROM (SELECT oid, rolname, rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, \
            rolconnlimit, nullif(rolvaliduntil, 'infinity') AS valid_until FROM pg_catalog.pg_roles) r WHERE r.rolname = $1
            """, [name])
        guard let row = rows.first else { return nil }
        var attributes = RoleAttributes()
        attributes.canLogin = try row.value("rolcanlogin")
        attributes.isSuperuser = try row.value("rolsuper")
        attributes.canCreateDatabases = try row.value("rolcreatedb")
        attributes.canCreateRoles = try row.value("rolcreaterole")
        attributes.canReplicate = try row.value("rolreplication")
        attributes.bypassesRowSecurity = try row.value("rolbypassrls")
        attributes.connectionLimit = try row.value("rolconnlimit")
        return RoleState(
            name: name, attributes: attributes, validUntil: try row.optional("valid_until"),
            memberOf: try row.json("member_of"))
    }

    /// Reads a database from the catalogue; `nil` if there is none with this name.
    public func databaseState(_ name: String) async throws(PostgresError) -> DatabaseFacts? {
        _ = try await connection.identifier(name)
        let rows = try await query(
            """
            SELECT r.rolname AS owner, pg_encoding_to_char(d.encoding) AS encoding, d.datallowconn AS connectable, \
            has_database_privilege('public', d.oid, 'CONNECT') AS public_may_connect, \
            EXISTS (SELECT FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a \
            WHERE a.grantee = d.datdba AND a.privilege_type = 'CONNECT') AS owner_may_connect \
            FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles r ON r.oid = d.datdba WHERE d.datname = $1
            """, [name])
        guard let row = rows.first else { return nil }
        return DatabaseFacts(
            name: name, owner: try row.value("owner"), encoding: try row.value("encoding"),
            publicMayConnect: try row.value("public_may_connect"),
            ownerMayConnect: try row.value("owner_may_connect"), allowsConnections: try row.value("connectable"))
    }

    /// Reads a schema of the connected database and the privileges of `role` on it; `nil` if there
    /// is none with this name.
    public func schemaState(_ name: String = "public", for role: String) async throws(PostgresError) -> SchemaState? {
        let rows = try await query(
            """
            SELECT o.rolname AS owner, coalesce(has_schema_privilege(r.oid, n.oid, 'USAGE'), false) AS may_use, \
            coalesce(has_schema_privilege(r.oid, n.oid, 'CREATE'), false) AS may_create FROM pg_catalog.pg_namespace n \
            JOIN pg_catalog.pg_roles o ON o.oid = n.nspowner LEFT JOIN pg_catalog.pg_roles r ON r.rolname = $2 \
            WHERE n.nspname = $1
            """, [name, role])
        guard let row = rows.first else { return nil }
        return SchemaState(
            name: name, owner: try row.value("owner"), roleMayUse: try row.value("may_use"),
            roleMayCreate: try row.value("may_create"))
    }

    /// Reads the state of the extensions `names`, in the same order.
    public func extensionStates(_ names: [String]) async throws(PostgresError) -> [ExtensionState] {
        var states: [ExtensionState] = []
        // One query for all; `unnest` keeps the order and returns a row for unknown names too.
        let list = "{" + names.map(arrayElement).joined(separator: ",") + "}"
        let rows = try await query(
            """
            SELECT n.name, e.extversion AS installed, a.default_version AS available, s.nspname AS schema, \
            coalesce(v.superuser AND NOT v.trusted, false) AS needs_superuser FROM unnest($1::text[]) WITH ORDINALITY AS n (name, place) \
            LEFT JOIN pg_catalog.pg_extension e ON e.extname = n.name \
            LEFT JOIN pg_catalog.pg_namespace s ON s.oid = e.extnamespace \
            LEFT JOIN pg_catalog.pg_available_extensions a ON a.name = n.name \
            LEFT JOIN pg_catalog.pg_available_extension_versions v ON v.name = a.name AND v.version = a.default_version \
            ORDER BY n.place
            """, [list])
        for row in rows {
            states.append(
                ExtensionState(
                    name: try row.value("name"), installedVersion: try row.optional("installed"),
                    availableVersion: try row.optional("available"), schema: try row.optional("schema"),
                    needsSuperuser: try row.value("needs_superuser")))
        }
        return states
    }
}

private func arrayElement(_ text: String) -> String {
    "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
}
