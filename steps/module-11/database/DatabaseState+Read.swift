import ClientKit
import Postgres
import Redis
import StepKit

extension DatabaseState {
    /// Reads it: as the administrator what he may see, and as Chatwoot's role what only that may.
    ///
    /// One query about the server, three about what the database holds, one as Chatwoot, and one key of Redis. A plan that
    /// looks beyond a reset, and the reset itself before it begins, see the server as it will be then, without the database.
    static func read(
        _ site: SiteReader, asksRedis: Bool = true, afterReset: Bool = false
    ) async throws -> DatabaseState {
        let (chatwoot, adminDatabase) = (site.inventory.chatwoot, site.inventory.postgres.adminDatabase)
        let admin = try await site.postgres(.admin(database: adminDatabase))
        var state = DatabaseState(
            database: chatwoot.database, role: chatwoot.databaseUser, adminDatabase: adminDatabase,
            extensions: Extensions(image: chatwoot.image),
            server: try await admin.serverFacts(database: chatwoot.database, role: chatwoot.databaseUser))
        if afterReset || site.options.isPlanningReset { state.server.database = nil }
        let password = try await site.chatwootSecrets().databasePassword
        state.hasPassword = password != nil
        if asksRedis { state.isOnboarding = try await site.redis().exists(ChatwootNames.onboardingKey) }
        guard let database = state.server.database else {
            try await state.readTemplate(site, admin)
            return state
        }
        // Whoever asks now is told that the database accepts no connections, whatever his rights.
        guard database.allowsConnections else { return state }
        var own: PostgresReader?
        if state.server.role != nil, let password { own = try await state.logIn(site, password) }
        let inside = state.server.readerMayConnect ? try await site.postgres(.admin(database: state.database)) : nil
        try await state.readContents(inside, own)
        return state
    }

    /// A database that is made anew has what the server's files have, or what template1 already has.
    private mutating func readTemplate(_ site: SiteReader, _ admin: PostgresReader) async throws {
        template = try await admin.extensionStates(extensions.all)
        guard !server.reader.attributes.isSuperuser, template.contains(where: \.needsSuperuser) else { return }
        let reader = try await site.postgres(.admin(database: "template1"))
        template = try await reader.extensionStates(extensions.all)
        // Nobody may be connected to what a database is copied from.
        await reader.connection.close()
    }

    /// Logs in as Chatwoot does; what is not the role's own failure is thrown.
    private mutating func logIn(_ site: SiteReader, _ password: Secret) async throws -> PostgresReader? {
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

    private mutating func readContents(_ admin: PostgresReader?, _ own: PostgresReader?) async throws {
        guard let first = admin ?? own else { return }
        var contents = try await first.contents(for: role, extensions: extensions.all)
        // What the administrator may not see, the owner may.
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
        try await readMigrations(admin, own)
        // Only whoever is told of them needs figures.
        guard case .refuse = task else { return }
        try await first.countRows(in: &contents.relations)
        self.contents = contents
    }

    private mutating func readMigrations(_ admin: PostgresReader?, _ own: PostgresReader?) async throws {
        guard let table = table("schema_migrations"), table.rows != .none else { return }
        let reader = table.readerSeesRows ? admin ?? own : own
        guard let reader, let found = try await reader.migrations(in: table.object.schema) else { return }
        migrations = found
    }
}

extension RelationFacts {
    /// Whether there may be rows that were not seen.
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
    /// Whether the server answered and would have accepted another role: what it says is about this one and its rights.
    fileprivate var isAboutTheRole: Bool {
        if reason == .readOnlyServer { return true }
        return sqlState.map { $0.hasPrefix("28") || ["53300", "42501", "3D000", "55000"].contains($0) } ?? false
    }
}
