/// The contents of the connected database, as far as the catalogue shows them to the logged-in
/// role.
public struct DatabaseContents: Sendable, Hashable {
    /// The role that read it.
    public var reader: String
    /// The schemas that are not the server's own.
    public var schemas: [SchemaFacts]
    /// Tables, views and sequences in these schemas that do not belong to an extension.
    public var relations: [RelationFacts]
    /// Functions and types in these schemas that do not belong to an extension and are owned by
    /// another role than the given one.
    public var foreignRoutines: [OwnedObject]
    /// The requested extensions, in the same order.
    public var extensions: [ExtensionState]
    /// Whether there is any large object.
    public var hasLargeObjects: Bool

    /// Describes contents; see the properties.
    public init(
        reader: String, schemas: [SchemaFacts] = [], relations: [RelationFacts] = [],
        foreignRoutines: [OwnedObject] = [], extensions: [ExtensionState] = [], hasLargeObjects: Bool = false
    ) {
        self.reader = reader
        self.schemas = schemas
        self.relations = relations
        self.foreignRoutines = foreignRoutines
        self.extensions = extensions
        self.hasLargeObjects = hasLargeObjects
    }
}

/// A schema, and the privileges of the given role on it.
public struct SchemaFacts: Sendable, Hashable, Decodable {
    /// Its name.
    public var name: String
    /// The role that owns it.
    public var owner: String
    /// Whether the role has USAGE on it.
    public var roleMayUse: Bool
    /// Whether the role may create tables in it.
    public var roleMayCreate: Bool
    /// Whether the reader may grant privileges on it.
    public var readerMayGrant: Bool

    /// Describes a schema; see the properties.
    public init(name: String, owner: String, roleMayUse: Bool, roleMayCreate: Bool, readerMayGrant: Bool) {
        self.name = name
        self.owner = owner
        self.roleMayUse = roleMayUse
        self.roleMayCreate = roleMayCreate
        self.readerMayGrant = readerMayGrant
    }
}

/// An object with its owner, and the statement that changes the owner.
public struct OwnedObject: Sendable, Hashable, Decodable {
    /// What it is, as in `ALTER TABLE`.
    public var kind: String
    /// Its schema.
    public var schema: String
    /// Its name, for people.
    public var name: String
    /// The role that owns it.
    public var owner: String
    /// Whether that role is a superuser.
    public var ownerIsSuperuser: Bool
    /// Whether the reader has the owner's privileges.
    public var readerHasOwnersRights: Bool
    /// `ALTER … OWNER TO …` for the given role, quoted by the server.
    public var takeOver: String

    /// Describes an object; see the properties.
    public init(
        kind: String, schema: String, name: String, owner: String, ownerIsSuperuser: Bool = false,
        readerHasOwnersRights: Bool, takeOver: String
    ) {
        self.kind = kind
        self.schema = schema
        self.name = name
        self.owner = owner
        self.ownerIsSuperuser = ownerIsSuperuser
        self.readerHasOwnersRights = readerHasOwnersRights
        self.takeOver = takeOver
    }
}

/// A table, view or sequence.
public struct RelationFacts: Sendable, Hashable {
    /// Its kind, as in `pg_class.relkind`.
    public enum Kind: String, Sendable, Hashable, Decodable {
        /// A table with rows of its own, including a partition.
        case table = "r"
        /// A table whose rows are in its partitions.
        case partitionedTable = "p"
        /// A materialised view.
        case materialisedView = "m"
        /// A view.
        case view = "v"
        /// A foreign table.
        case foreignTable = "f"
        /// A sequence that is not owned by a table.
        case sequence = "S"
    }

    /// What is known of its rows.
    public enum Rows: Sendable, Hashable {
        /// None.
        case none
        /// At least one; with the number if they were counted, up to ``RelationFacts/countLimit``.
        case some(counted: Int?)
        /// The reader may not see them, and the table's file is not empty.
        case unseen
    }

    /// Counting stops here, so that it takes the same time for tables of any size.
    public static let countLimit = 1000

    /// Its kind.
    public var kind: Kind
    /// As an object with an owner.
    public var object: OwnedObject
    /// The size of its file; 0 if no row was ever written.
    public var bytes: Int
    /// Whether the reader sees all of its rows.
    public var readerSeesRows: Bool
    /// Whether the given role sees all of its rows.
    public var roleSeesRows: Bool
    /// Its rows, as far as they were checked.
    public var rows: Rows

    /// Describes a relation; see the properties.
    public init(
        kind: Kind, object: OwnedObject, bytes: Int, readerSeesRows: Bool, roleSeesRows: Bool, rows: Rows
    ) {
        self.kind = kind
        self.object = object
        self.bytes = bytes
        self.readerSeesRows = readerSeesRows
        self.roleSeesRows = roleSeesRows
        self.rows = rows
    }

    /// Whether it is a kind that stores rows.
    public var keepsRows: Bool { kind == .table || kind == .materialisedView }
}

extension PostgresReading {
    /// Reads the contents of the connected database, with one query for the catalogue and one that
    /// checks each table for a first row.
    ///
    /// A table whose file is empty has no rows and is not queried; of one whose rows may not be
    /// seen, only the file's size is known.
    public func contents(for role: String, extensions names: [String]) async throws(PostgresError) -> DatabaseContents {
        for _ in 1...2 {
            do throws(PostgresError) {
                return try await look(for: role, extensions: names)
            } catch {
                // A table was dropped between the two queries: a schema load drops them one by one.
                guard error.sqlState == "42P01" else { throw error }
            }
        }
        return try await look(for: role, extensions: names)
    }

    private func look(for role: String, extensions names: [String]) async throws(PostgresError) -> DatabaseContents {
        let row = try await row(of: Self.contentsQuery, [role])
        let found: [CataloguedRelation] = try row.json("relations")
        var contents = DatabaseContents(
            reader: try row.value("reader"), schemas: try row.json("schemas"), relations: found.map(\.facts),
            foreignRoutines: try row.json("routines"), extensions: try await extensionStates(names),
            hasLargeObjects: try row.value("large_objects"))
        try await lookForRows(in: &contents.relations)
        return contents
    }

    /// Checks for rows where permitted; tables that cannot be checked stay
    /// ``RelationFacts/Rows/unseen``.
    func lookForRows(in relations: inout [RelationFacts]) async throws(PostgresError) {
        let asked = relations.indices.filter { relations[$0].rows == .unseen && relations[$0].readerSeesRows }
        guard !asked.isEmpty else { return }
        var parts: [String] = []
        for index in asked { parts.append("EXISTS (SELECT FROM \(try await name(of: relations[index])))") }
        for (index, answer) in zip(asked, try await answers(parts)) {
            relations[index].rows = answer == "t" ? .some(counted: nil) : .none
        }
    }

    /// Counts the rows of tables that have any, each up to ``RelationFacts/countLimit``, with one
    /// query.
    public func countRows(in relations: inout [RelationFacts]) async throws(PostgresError) {
        let asked = relations.indices.filter {
            relations[$0].rows == .some(counted: nil) && relations[$0].readerSeesRows
        }
        guard !asked.isEmpty else { return }
        var parts: [String] = []
        for index in asked {
            let table = try await name(of: relations[index])
            parts.append(
                "(SELECT count(*) FROM (SELECT FROM \(table) LIMIT \(RelationFacts.countLimit)) AS first_rows)")
        }
        for (index, answer) in zip(asked, try await answers(parts)) {
            relations[index].rows = .some(counted: Int(answer))
        }
    }

    /// The values of many expressions; empty if the server exceeded the time limit, as for a table
    /// full of dead rows.
    private func answers(_ expressions: [String]) async throws(PostgresError) -> [Substring] {
        do throws(PostgresError) {
            let text: String? = try await value(
                "SELECT array_to_string(ARRAY[\(expressions.joined(separator: ", "))], ',')")
            return text?.split(separator: ",") ?? []
        } catch {
            guard error.sqlState == "57014" else { throw error }
            return []
        }
    }

    /// `schema.table`, quoted by the server's rules.
    public func qualified(_ table: String, in schema: String) async throws(PostgresError) -> String {
        try await "\(connection.identifier(schema)).\(connection.identifier(table))"
    }

    private func name(of relation: RelationFacts) async throws(PostgresError) -> String {
        try await qualified(relation.object.name, in: relation.object.schema)
    }

    /// The server's own schemas are always omitted.
    private static var contentsQuery: String {
        """
        WITH role AS (SELECT (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $1) AS oid), \
        spaces AS (SELECT n.oid, n.nspname, n.nspowner FROM pg_catalog.pg_namespace n \
        WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'), \
        relations AS (SELECT c.*, s.nspname FROM pg_catalog.pg_class c JOIN spaces s ON s.oid = c.relnamespace \
        WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f', 'S') AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND (d.deptype = 'e' \
        OR c.relkind = 'S' AND d.deptype IN ('a', 'i') AND d.refclassid = 'pg_catalog.pg_class'::regclass))), \
        routines AS (SELECT 'ROUTINE' AS kind, s.nspname, p.proname AS name, p.proowner AS owner, \
        format('%I.%I(%s)', s.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS target \
        FROM pg_catalog.pg_proc p JOIN spaces s ON s.oid = p.pronamespace WHERE NOT EXISTS (SELECT \
        FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid \
        AND d.deptype IN ('e', 'i')) \
        UNION ALL SELECT 'TYPE', s.nspname, t.typname, t.typowner, format('%I.%I', s.nspname, t.typname) \
        FROM pg_catalog.pg_type t JOIN spaces s ON s.oid = t.typnamespace \
        WHERE (t.typtype IN ('e', 'd', 'r') OR EXISTS (SELECT FROM pg_catalog.pg_class c \
        WHERE c.oid = t.typrelid AND c.relkind = 'c')) AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
        WHERE d.classid = 'pg_catalog.pg_type'::regclass AND d.objid = t.oid AND d.deptype IN ('e', 'i'))) \
        SELECT current_user::text AS reader, \
        EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata) AS large_objects, \
        (SELECT coalesce(json_agg(json_build_object('name', s.nspname, 'owner', o.rolname, \
        'roleMayUse', coalesce(has_schema_privilege(role.oid, s.oid, 'USAGE'), false), \
        'roleMayCreate', coalesce(has_schema_privilege(role.oid, s.oid, 'CREATE'), false), \
        'readerMayGrant', pg_has_role(s.nspowner, 'USAGE')) ORDER BY s.nspname), '[]') \
        FROM spaces s JOIN pg_catalog.pg_roles o ON o.oid = s.nspowner, role) AS schemas, \
        (SELECT coalesce(json_agg(json_build_object('relkind', c.relkind, \
        'kind', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'v' THEN 'VIEW' WHEN 'f' THEN 'FOREIGN TABLE' \
        WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, \
        'schema', c.nspname, 'name', c.relname, 'owner', o.rolname, 'ownerIsSuperuser', o.rolsuper, \
        'readerHasOwnersRights', pg_has_role(o.oid, 'USAGE'), \
        'target', format('%I.%I', c.nspname, c.relname), 'role', quote_ident($1), \
        'bytes', CASE WHEN c.relkind IN ('r', 'm') THEN coalesce(pg_relation_size(c.oid), 0) ELSE 0 END, \
        'readerSeesRows', coalesce(has_schema_privilege(c.relnamespace, 'USAGE') \
        AND has_table_privilege(c.oid, 'SELECT') AND NOT row_security_active(c.oid), false), \
        'roleSeesRows', coalesce(has_schema_privilege(role.oid, c.relnamespace, 'USAGE') \
        AND has_table_privilege(role.oid, c.oid, 'SELECT') \
        AND (NOT c.relrowsecurity OR c.relowner = role.oid AND NOT c.relforcerowsecurity), false)) \
        ORDER BY c.nspname, c.relname), '[]') \
        FROM relations c JOIN pg_catalog.pg_roles o ON o.oid = c.relowner, role) AS relations, \
        (SELECT coalesce(json_agg(json_build_object('kind', r.kind, 'schema', r.nspname, 'name', r.name, \
        'owner', o.rolname, 'ownerIsSuperuser', o.rolsuper, 'readerHasOwnersRights', pg_has_role(o.oid, 'USAGE'), \
        'takeOver', format('ALTER %s %s OWNER TO %I', r.kind, r.target, $1)) ORDER BY r.nspname, r.target), '[]') \
        FROM routines r JOIN pg_catalog.pg_roles o ON o.oid = r.owner WHERE o.rolname <> $1) AS routines
        """
    }
}

/// A relation in the query's result.
private struct CataloguedRelation: Decodable {
    let relkind: RelationFacts.Kind
    let kind: String
    let schema: String
    let name: String
    let owner: String
    let ownerIsSuperuser: Bool
    let readerHasOwnersRights: Bool
    let target: String
    let role: String
    let bytes: Int
    let readerSeesRows: Bool
    let roleSeesRows: Bool

    var facts: RelationFacts {
        let keepsRows = relkind == .table || relkind == .materialisedView
        return RelationFacts(
            kind: relkind,
            object: OwnedObject(
                kind: kind, schema: schema, name: name, owner: owner, ownerIsSuperuser: ownerIsSuperuser,
                readerHasOwnersRights: readerHasOwnersRights, takeOver: "ALTER \(kind) \(target) OWNER TO \(role)"),
            bytes: bytes, readerSeesRows: readerSeesRows, roleSeesRows: roleSeesRows,
            // A foreign table's rows are on another server.
            rows: keepsRows && bytes > 0 ? .unseen : .none)
    }
}
