import ClientKit
import Postgres
import StepKit

extension SetupCredentials {
    /// The changes that the database needs; throws if they cannot be made.
    func databaseChanges(_ site: SiteReader) async throws -> [Change] {
        try await site.requireKey(beforeSetup: true)
        let state = try await DatabaseState.read(site, asksRedis: false)
        let missing = try state.possible(site)
        if state.server.database == nil, !site.options.isPlanningReset {
            try await ChatwootKeys.requireNone(site)
        }
        return missing.map { $0.change.change(in: state, $0.certainty) }
    }

    /// Lets the administrator see what is in the database while nobody knows its key: only then is it known whether one may be
    /// generated.
    func makeVisible(_ site: SiteWriter) async throws {
        guard try await site.reader.chatwootSecrets()[.secretKeyBase] == nil else { return }
        let state = try await DatabaseState.read(site.reader, asksRedis: false)
        guard state.isUnseen else { return }
        let admin = try await site.postgres(.admin(database: state.adminDatabase))
        for planned in try state.possible(site.reader) {
            switch planned.change {
            case .join: try await admin.join(state.role)
            case .allowConnections: try await admin.allowConnections(true, to: state.database)
            default: continue
            }
        }
    }

    /// Makes the missing changes, then reads again: the contents of a database are visible only
    /// once it exists and accepts connections.
    func makeReady(_ site: SiteWriter, with secrets: GeneratedSecrets) async throws {
        for _ in 1...3 {
            let state = try await DatabaseState.read(site.reader, asksRedis: false)
            let missing = try state.possible(site.reader)
            guard !missing.isEmpty else { return }
            for planned in missing {
                try await carryOut(planned.change, in: state, on: site, password: secrets.databasePassword)
            }
        }
    }

    private func carryOut(
        _ change: DatabaseChange, in state: DatabaseState, on site: SiteWriter, password: Secret
    ) async throws {
        let (database, role) = (state.database, state.role)
        let admin = try await site.postgres(.admin(database: state.adminDatabase))
        func inside() async throws -> PostgresWriter { try await site.postgres(.admin(database: database)) }
        switch change {
        case .createRole, .alterRole, .endValidity: try await admin.ensureRole(role, password: password)
        case .join: try await admin.join(role)
        case .createDatabase(let fromTemplate1):
            try await admin.ensureDatabase(database, owner: role, fromTemplate1: fromTemplate1)
        case .changeOwner: try await admin.ensureDatabase(database, owner: role)
        case .allowConnections: try await admin.allowConnections(true, to: database)
        case .revokeConnectFromPublic: try await admin.revokeConnectFromPublic(on: database)
        case .grantConnect: try await admin.grantConnectToOwner(of: database)
        case .grantSchema(let schema): try await inside().grantUse(of: schema, to: role)
        case .createExtension(let name): try await inside().ensureExtension(name, in: state.path.first)
        case .moveExtension(let name, _, let schema): try await inside().moveExtension(name, to: schema)
        case .takeOver(let objects):
            site.reader.reporter.says("transferring \(DatabaseChange.words(for: objects)) to \(role)")
            try await inside().takeOver(objects)
        case .setPassword: try await admin.setPassword(password, of: role)
        }
    }
}

extension DatabaseState {
    /// The changes that `11_ct_00_setup_credentials` has to make; throws if it cannot make all of
    /// them.
    fileprivate func possible(_ site: SiteReader) throws -> [Setup.Planned] {
        let setup = setup
        guard setup.refusals.isEmpty else {
            throw setup.failure(site)
        }
        return setup.changes
    }
}

extension DatabaseState.Setup {
    /// All refusals in one error.
    func failure(
        _ site: SiteReader, of attempt: String = DatabaseState.attempt
    ) -> any ExplainedError {
        let failures = refusals.map { $0.failure(site) }
        return failures.count == 1 ? failures[0] : CombinedFailure(attempt, failures)
    }
}

extension RoleAttributes {
    /// The attributes that differ, as SQL keywords.
    func differences(to wanted: RoleAttributes) -> String {
        let pairs: [(String, KeyPath<RoleAttributes, Bool>)] = [
            ("LOGIN", \.canLogin), ("SUPERUSER", \.isSuperuser), ("CREATEDB", \.canCreateDatabases),
            ("CREATEROLE", \.canCreateRoles), ("REPLICATION", \.canReplicate), ("BYPASSRLS", \.bypassesRowSecurity),
        ]
        var words = pairs.filter { self[keyPath: $0.1] != wanted[keyPath: $0.1] }
            .map { self[keyPath: $0.1] ? "\($0.0) → NO\($0.0)" : "NO\($0.0) → \($0.0)" }
        if connectionLimit != wanted.connectionLimit {
            words.append("CONNECTION LIMIT \(connectionLimit) → \(wanted.connectionLimit)")
        }
        return words.joined(separator: ", ")
    }
}
