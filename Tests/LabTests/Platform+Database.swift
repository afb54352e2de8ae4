extension Platform {
    /// Chatwoot's role and database, with every table, index and setting.
    static func databaseLines() async throws -> [String] {
        let server = [
            """
            SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, \
            rolconnlimit, rolvaliduntil, rolconfig FROM pg_roles WHERE rolname = 'chatwoot'
            """,
            """
            SELECT d.datname, r.rolname, pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, d.datallowconn, \
            d.datconnlimit, d.datacl FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE d.datname LIKE 'chatwoot%'
            """,
        ]
        let contents = [
            "SELECT extname, extversion FROM pg_extension ORDER BY 1",
            """
            SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns \
            WHERE table_schema = 'public' ORDER BY table_name, ordinal_position
            """,
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
            """
            SELECT relname, relkind, pg_get_userbyid(relowner), CASE WHEN relkind = 'r' THEN (xpath('/row/n/text()', \
            query_to_xml(format('SELECT count(*) AS n FROM %I', relname), false, true, '')))[1]::text END \
            FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1
            """,
            "SELECT version FROM schema_migrations ORDER BY 1",
            "SELECT key, value FROM ar_internal_metadata ORDER BY 1",
            "SELECT name, serialized_value, locked FROM installation_configs ORDER BY 1",
        ]
        var lines: [String] = []
        for query in server { lines.append(try await Lab.sql(query)) }
        for query in contents { lines.append(try await Lab.sql(query, database: "chatwoot")) }
        // A difference is then that of one table, and not of all.
        return lines.flatMap { $0.split(separator: "\n").map(String.init) }
    }
}
