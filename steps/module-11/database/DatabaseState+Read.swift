import ClientKit
import Postgres
import Redis
import StepKit

extension DatabaseState {
    /// Reads the state: as the administrator, and as Chatwoot's role what only that role may see.
    ///
    /// One query about the server, three about the contents of the database, and one as Chatwoot,
    /// all of them once before the run's first change; and one key of Redis if `asksRedis`. A plan
    /// with a reset reads the server as it will be afterwards, without the database.
    static func read(_ site: SiteReader, asksRedis: Bool = true) async throws -> DatabaseState {
        var state = try await site.readOnce {
            var (state, password) = try await readServer(site)
            let own = try await state.logIn(site, password)
            try await state.readContents(inside: state.connectInside(site), own: own)
            if state.server.database == nil || site.options.resetsDatabase { try await state.readTemplate(site) }
            return state
        }
        if asksRedis { state.isOnboarding = try await site.redis().exists(ChatwootNames.onboardingKey) }
        return site.options.isPlanningReset ? state.afterReset : state
    }

    /// The present state of the server, the sessions on the database, and the extensions that a new
    /// database would have.
    ///
    /// This does not connect to Chatwoot's database: a session of the runner would prevent renaming
    /// it.
    static func readOutside(_ site: SiteReader) async throws -> DatabaseState {
        var (state, _) = try await readServer(site)
        try await state.readTemplate(site)
        try await state.readSessions(as: site.postgres(.admin(database: state.adminDatabase)))
        return state
    }

    /// The present server and sessions, read with the login that sees most of them, without the
    /// database's contents.
    ///
    /// Before a reset that is always the administrator: a session of the role would block the
    /// reset.
    static func readSessions(_ site: SiteReader, isBeforeReset: Bool = false) async throws -> DatabaseState {
        var (state, password) = try await readServer(site)
        let admin = try await site.postgres(.admin(database: state.adminDatabase))
        // A superuser sees every session completely, other roles only those of roles whose
        // privileges they have.
        let seesAll = state.server.reader.attributes.isSuperuser || state.server.rightsOnRole.hasItsRights
        let own = seesAll || isBeforeReset ? nil : try await state.logIn(site, password)
        try await state.readSessions(as: own ?? admin)
        return state
    }

    private static func readServer(_ site: SiteReader) async throws -> (state: DatabaseState, password: Secret?) {
        let (chatwoot, adminDatabase) = (site.inventory.chatwoot, site.inventory.postgres.adminDatabase)
        let admin = try await site.postgres(.admin(database: adminDatabase))
        var state = DatabaseState(
            database: chatwoot.database, role: chatwoot.databaseUser, adminDatabase: adminDatabase,
            extensions: Extensions(image: chatwoot.image),
            server: try await admin.serverFacts(database: chatwoot.database, role: chatwoot.databaseUser))
        if site.options.resetsDatabase {
            state.aside = try await admin.databaseState(ResetDatabase.nameAside(site))
        }
        let password = try await site.chatwootSecrets().databasePassword
        state.hasPassword = password != nil
        return (state, password)
    }

    private mutating func readSessions(as reader: PostgresReader) async throws {
        for session in try await reader.sessions(on: database, orOf: role) {
            if session.database == database { sessions.append(session) } else { otherSessions.append(session) }
        }
    }

    /// Connects to Chatwoot's database as the administrator; `nil` if there is none or that is not
    /// permitted.
    private func connectInside(_ site: SiteReader) async throws -> PostgresReader? {
        guard server.database?.allowsConnections == true, server.readerMayConnect else { return nil }
        return try await site.postgres(.admin(database: database))
    }

    /// A new database gets its extensions from the server's files, or from template1.
    private mutating func readTemplate(_ site: SiteReader) async throws {
        let admin = try await site.postgres(.admin(database: adminDatabase))
        template = try await admin.extensionStates(extensions.all)
        guard !server.reader.attributes.isSuperuser, template.contains(where: \.needsSuperuser) else { return }
        let reader = try await site.postgres(.admin(database: "template1"))
        template = try await reader.extensionStates(extensions.all)
        // A database cannot be copied from a template with open sessions.
        await reader.connection.close()
    }

    /// Logs in like Chatwoot, if there is a database; failures that are not about the role are
    /// thrown.
    private mutating func logIn(_ site: SiteReader, _ password: Secret?) async throws -> PostgresReader? {
        // The server would reject every login, because the database accepts no connections.
        guard let password, server.role != nil, server.database?.allowsConnections == true else { return nil }
        do {
            let reader = try await site.postgres(.owner(of: .chatwoot(site.inventory), password: password))
            sessionPath = try await reader.value("SELECT current_setting('search_path')")
            login = .accepted
            return reader
        } catch let error as PostgresError {
            guard error.isAboutTheRole else { throw error }
            login = .refused(.init(sqlState: error.sqlState, cause: error.cause, remedy: error.remedy))
            return nil
        }
    }

    private mutating func readContents(inside admin: PostgresReader?, own: PostgresReader?) async throws {
        guard let first = admin ?? own else { return }
        var contents = try await first.contents(for: role, extensions: extensions.all)
        // The owner may see what the administrator may not.
        if let own, first.connection !== own.connection, contents.relations.contains(where: \.hidesRows) {
            var seen = try await own.contents(for: role, extensions: []).relations
            try await own.countRows(in: &seen)
            for index in contents.relations.indices where contents.relations[index].hidesRows {
                let hidden = contents.relations[index].object
                let other = seen.first { $0.object.schema == hidden.schema && $0.object.name == hidden.name }
                if let other { contents.relations[index].rows = other.rows }
            }
        }
        self.contents = contents
        try await readMigrations(inside: admin, own: own)
        // Only a refusal needs the row counts.
        guard case .refuse = task else { return }
        try await first.countRows(in: &contents.relations)
        self.contents = contents
    }

    private mutating func readMigrations(inside admin: PostgresReader?, own: PostgresReader?) async throws {
        guard let table = table("schema_migrations"), table.rows != .none else { return }
        migrations = try await (table.readerSeesRows ? admin ?? own : own)?.migrations(in: table.object.schema)
    }
}

extension RelationFacts {
    /// Whether there may be rows that the reader cannot see.
    fileprivate var hidesRows: Bool { keepsRows && rows == .unseen }
}

extension PostgresReader {
    fileprivate func migrations(in schema: String) async throws(PostgresError) -> DatabaseState.Migrations? {
        let rows = try await query(
            "SELECT count(*) AS count, max(version) AS newest FROM \(qualified("schema_migrations", in: schema))")
        guard let row = rows.first else { return nil }
        return .init(count: try row.value("count"), newest: try row.optional("newest") ?? "")
    }
}

extension PostgresError {
    /// Whether the server answered and might have accepted another role: the error is about this
    /// role and its privileges.
    fileprivate var isAboutTheRole: Bool {
        if reason == .readOnlyServer { return true }
        return sqlState.map { $0.hasPrefix("28") || ["53300", "42501", "3D000", "55000"].contains($0) } ?? false
    }
}
