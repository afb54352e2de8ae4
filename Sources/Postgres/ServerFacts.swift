import ClientKit

/// What a server shows the logged-in role about one database and one role, and its privileges on
/// them.
public struct ServerFacts: Sendable, Hashable {
    /// The version as a number, such as 150020 for 15.20.
    public var version: Int
    /// The logged-in role.
    public var reader: Reader
    /// The role; `nil` if there is none.
    public var role: RoleState?
    /// The reader's rights on the role; all false if there is none.
    public var rightsOnRole: RightsOnRole
    /// The database; `nil` if there is none.
    public var database: DatabaseFacts?
    /// Whether the reader has the privileges of the database's owner.
    public var readerOwnsDatabase: Bool
    /// The reader's rights on the database's owner.
    public var rightsOnOwner: RightsOnRole
    /// Whether the reader may connect to the database.
    public var readerMayConnect: Bool
    /// `search_path` as set for the role in this database, for the role, or for the database; `nil`
    /// if none of them sets it.
    public var searchPath: String?
    /// Where `default_transaction_read_only` is switched on for the role: `ROLE x IN DATABASE y`,
    /// `ROLE x`, `DATABASE y`, `ROLE ALL`, several of them, or `nil`; the server's own setting is
    /// not among them.
    public var readOnly: String?

    /// The logged-in role.
    public struct Reader: Sendable, Hashable {
        /// Its name.
        public var name: String
        /// Its attributes.
        public var attributes: RoleAttributes
        /// Whether it has the privileges of the roles that it is a member of, unless a membership
        /// says otherwise.
        public var inherits: Bool

        /// Describes a reader; see the properties.
        public init(name: String, attributes: RoleAttributes, inherits: Bool = true) {
            self.name = name
            self.attributes = attributes
            self.inherits = inherits
        }
    }

    /// The rights of one role on another.
    public struct RightsOnRole: Sendable, Hashable {
        /// It has the other's privileges without SET ROLE.
        public var hasItsRights: Bool
        /// It may SET ROLE to the other, which PostgreSQL requires for transferring an object to
        /// it.
        public var mayBecome: Bool
        /// It may make itself and others members of it, and before PostgreSQL 16 CREATEROLE is
        /// enough for that.
        public var mayGrant: Bool

        /// Describes rights; see the properties.
        public init(hasItsRights: Bool = false, mayBecome: Bool = false, mayGrant: Bool = false) {
            self.hasItsRights = hasItsRights
            self.mayBecome = mayBecome
            self.mayGrant = mayGrant
        }
    }

    /// Describes facts; see the properties.
    public init(
        version: Int, reader: Reader, role: RoleState? = nil, rightsOnRole: RightsOnRole = RightsOnRole(),
        database: DatabaseFacts? = nil, readerOwnsDatabase: Bool = false,
        rightsOnOwner: RightsOnRole = RightsOnRole(), readerMayConnect: Bool = false, searchPath: String? = nil,
        readOnly: String? = nil
    ) {
        self.version = version
        self.reader = reader
        self.role = role
        self.rightsOnRole = rightsOnRole
        self.database = database
        self.readerOwnsDatabase = readerOwnsDatabase
        self.rightsOnOwner = rightsOnOwner
        self.readerMayConnect = readerMayConnect
        self.searchPath = searchPath
        self.readOnly = readOnly
    }
}

extension PostgresReading {
    /// Reads the facts about `database` and `role`, with one query that needs no privilege.
    public func serverFacts(database: String, role: String) async throws(PostgresError) -> ServerFacts {
        _ = try await connection.identifier(database)
        _ = try await connection.identifier(role)
        let row = try await row(of: Self.serverQuery, [database, role])
        var facts = ServerFacts(
            version: try row.value("version"),
            reader: .init(
                name: try row.value("reader"), attributes: try row.attributes("own_"),
                inherits: try row.value("own_rolinherit")))
        if let found: String = try row.optional("role") {
            facts.role = RoleState(
                name: found, attributes: try row.attributes("role_"), validUntil: try row.optional("valid_until"),
                memberOf: try row.json("member_of"))
            facts.rightsOnRole = try row.rights("role_")
        }
        if let found: String = try row.optional("database") {
            facts.database = DatabaseFacts(
                name: found, owner: try row.value("owner"), encoding: try row.value("encoding"),
                publicMayConnect: try row.value("public_may_connect"),
                ownerMayConnect: try row.value("owner_may_connect"),
                allowsConnections: try row.value("connectable"), oid: try row.value("oid"))
            facts.rightsOnOwner = try row.rights("owner_")
            facts.readerOwnsDatabase = facts.rightsOnOwner.hasItsRights
            facts.readerMayConnect = try row.value("may_connect")
        }
        facts.searchPath = try row.optional("search_path")
        facts.readOnly = try row.optional("read_only")
        return facts
    }

    /// From 16 on, a membership has its own SET option, and only ADMIN OPTION allows granting;
    /// before, any membership or CREATEROLE was enough.
    private static var serverQuery: String {
        func attributes(of table: String, prefix: String) -> String {
            [
                "rolcanlogin", "rolsuper", "rolcreatedb", "rolcreaterole", "rolreplication", "rolbypassrls",
                "rolconnlimit", "rolinherit",
            ].map { "\(table).\($0) AS \(prefix)\($0)" }.joined(separator: ", ")
        }
        func rights(on role: String, prefix: String) -> String {
            """
            coalesce(pg_has_role(own.oid, \(role), 'USAGE'), false) AS \(prefix)has, \
            coalesce(pg_has_role(own.oid, \(role), CASE WHEN v.number >= 160000 THEN 'SET' ELSE 'MEMBER' END), false) \
            AS \(prefix)become, coalesce(own.rolsuper OR pg_has_role(own.oid, \(role), 'MEMBER WITH ADMIN OPTION') \
            OR v.number < 160000 AND own.rolcreaterole AND NOT (SELECT s.rolsuper FROM pg_catalog.pg_roles s \
            WHERE s.oid = \(role)), false) AS \(prefix)grant
            """
        }
        return """
            SELECT v.number AS version, own.rolname AS reader, \(attributes(of: "own", prefix: "own_")), r.rolname AS role, \
            \(attributes(of: "r", prefix: "role_")), nullif(r.rolvaliduntil, 'infinity') AS valid_until, \
            (SELECT coalesce(json_agg(g.rolname ORDER BY g.rolname), '[]') FROM pg_catalog.pg_auth_members m \
            JOIN pg_catalog.pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid) AS member_of, \
            \(rights(on: "r.oid", prefix: "role_")), d.datname AS database, d.oid::bigint AS oid, o.rolname AS owner, \
            pg_encoding_to_char(d.encoding) AS encoding, d.datallowconn AS connectable, \
            has_database_privilege('public', d.oid, 'CONNECT') AS public_may_connect, \
            EXISTS (SELECT FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a \
            WHERE a.grantee = d.datdba AND a.privilege_type = 'CONNECT') AS owner_may_connect, \
            \(rights(on: "d.datdba", prefix: "owner_")), has_database_privilege(own.oid, d.oid, 'CONNECT') AS may_connect, \
            (SELECT substr(c, 13) FROM pg_catalog.pg_db_role_setting s, unnest(s.setconfig) c \
            WHERE c LIKE 'search_path=%' AND s.setdatabase IN (0, coalesce(d.oid, 0)) \
            AND s.setrole IN (0, coalesce(r.oid, 0)) ORDER BY s.setrole = 0, s.setdatabase = 0 LIMIT 1) AS search_path, \
            \(Self.readOnlyColumn) AS read_only \
            FROM (SELECT current_setting('server_version_num')::int AS number) v \
            JOIN pg_catalog.pg_roles own ON own.rolname = current_user \
            LEFT JOIN pg_catalog.pg_roles r ON r.rolname = $2 LEFT JOIN pg_catalog.pg_database d ON d.datname = $1 \
            LEFT JOIN pg_catalog.pg_roles o ON o.oid = d.datdba
            """
    }
}

extension PostgresReading {
    /// The places that switch `default_transaction_read_only` on, the strongest first, up to one
    /// that switches it off.
    private static var readOnlyColumn: String {
        """
        (SELECT string_agg(w.place, ', ' ORDER BY w.rank) FROM \
        (SELECT p.place, p.rank, bool_and(p.is_on) OVER (ORDER BY p.rank) AS counts FROM \
        (SELECT lower(substr(c, 31)) ~ '^(on|1|t|tr|tru|true|y|ye|yes)$' AS is_on, \
        CASE WHEN s.setrole <> 0 AND s.setdatabase <> 0 THEN 1 WHEN s.setrole <> 0 THEN 2 \
        WHEN s.setdatabase <> 0 THEN 3 ELSE 4 END AS rank, \
        concat_ws(' IN ', CASE WHEN s.setrole <> 0 THEN 'ROLE ' || quote_ident($2) \
        WHEN s.setdatabase = 0 THEN 'ROLE ALL' END, \
        CASE WHEN s.setdatabase <> 0 THEN 'DATABASE ' || quote_ident($1) END) AS place \
        FROM pg_catalog.pg_db_role_setting s, unnest(s.setconfig) c \
        WHERE c LIKE 'default_transaction_read_only=%' AND s.setdatabase IN (0, coalesce(d.oid, 0)) \
        AND s.setrole IN (0, coalesce(r.oid, 0))) p) w WHERE w.counts)
        """
    }
}

extension PostgresRow {
    fileprivate func attributes(_ prefix: String) throws(PostgresError) -> RoleAttributes {
        var attributes = RoleAttributes()
        attributes.canLogin = try value("\(prefix)rolcanlogin")
        attributes.isSuperuser = try value("\(prefix)rolsuper")
        attributes.canCreateDatabases = try value("\(prefix)rolcreatedb")
        attributes.canCreateRoles = try value("\(prefix)rolcreaterole")
        attributes.canReplicate = try value("\(prefix)rolreplication")
        attributes.bypassesRowSecurity = try value("\(prefix)rolbypassrls")
        attributes.connectionLimit = try value("\(prefix)rolconnlimit")
        return attributes
    }

    fileprivate func rights(_ prefix: String) throws(PostgresError) -> ServerFacts.RightsOnRole {
        ServerFacts.RightsOnRole(
            hasItsRights: try value("\(prefix)has"), mayBecome: try value("\(prefix)become"),
            mayGrant: try value("\(prefix)grant"))
    }
}
