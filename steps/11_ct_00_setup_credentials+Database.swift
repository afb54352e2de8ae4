import ClientKit
import Postgres
import StepKit

extension SetupCredentials {
    /// What the database lacks, read from the catalogue and by logging in as Chatwoot does.
    func databaseChanges(_ site: ReadableSite, password: Secret?) async throws -> [Change] {
        let chatwoot = site.inventory.chatwoot
        let (name, user) = (chatwoot.database, chatwoot.databaseUser)
        let admin = try await site.postgres(.admin(database: site.inventory.postgres.adminDatabase))
        var changes: [Change] = []
        let role = try await admin.roleState(user)
        if let role {
            let wanted = RoleAttributes()
            if role.attributes != wanted {
                changes.append(Change("alter role \"\(user)\": \(role.attributes.differences(to: wanted))", .proved))
            }
            if let end = role.validUntil {
                changes.append(Change("alter role \"\(user)\": VALID UNTIL \(end) → infinity", .proved))
            }
        } else {
            changes.append(Change("create role \"\(user)\" with LOGIN and no other right", .proved))
        }
        let isReset = site.wishes.foreseesReset
        guard !isReset, let database = try await admin.databaseState(name) else {
            changes.append(
                Change("create database \"\(name)\" (UTF8) owned by \"\(user)\"", isReset ? .predicted : .proved))
            changes.append(Change("revoke CONNECT on database \"\(name)\" from PUBLIC", .predicted))
            changes += Self.extensions.filter { $0 != "plpgsql" }.map {
                Change("create extension \($0) in database \"\(name)\"", .predicted)
            }
            return changes
        }
        if database.owner != user {
            changes.append(Change("alter database \"\(name)\": owner \(database.owner) → \(user)", .proved))
        }
        if database.publicMayConnect {
            changes.append(Change("revoke CONNECT on database \"\(name)\" from PUBLIC", .proved))
        }
        if database.owner == user, !database.ownerMayConnect {
            changes.append(Change("grant CONNECT on database \"\(name)\" to \"\(user)\"", .proved))
        }
        let inside = try await site.postgres(.admin(database: name))
        let schema = try await inside.schemaState(for: user)
        // The database's owner has the rights of `pg_database_owner`, to whom the schema belongs from PostgreSQL 15 on.
        let comesWithOwnership = database.owner != user && schema?.owner == "pg_database_owner"
        if schema?.roleMayUse != true || schema?.roleMayCreate != true, !comesWithOwnership {
            changes.append(
                Change("grant USAGE and CREATE on schema public to \"\(user)\"", role == nil ? .predicted : .proved))
        }
        for state in try await inside.extensionStates(Self.extensions) where state.installedVersion == nil {
            guard state.availableVersion != nil else {
                throw StepFailure(
                    "look for the extension \(state.name)", host: site.postgresWords,
                    cause: "the server has no files for it",
                    remedy: "install PostgreSQL's contrib package on every database node")
            }
            changes.append(Change("create extension \(state.name) in database \"\(name)\"", .proved))
        }
        guard let role else { return changes }
        guard let password else {
            return changes + [Change("set the password of role \"\(user)\" to the generated one", .predicted)]
        }
        switch try await login(site, password: password) {
        case .letIn: break
        case .keptOut(let error):
            // What is about to be changed explains it; nothing else does.
            guard !changes.isEmpty else { throw error }
        case .wrongPassword:
            let change = "set the password of role \"\(user)\" to the one of chatwoot.env and the cluster"
            // The server refuses a password that has ended in the same words as a wrong one.
            changes.append(
                role.validUntil == nil
                    ? Change(change, .proved) : Change("\(change), unless it only had ended", .unknowable))
        }
        return changes
    }

    enum Login {
        case letIn
        case wrongPassword
        /// The password is right, and the role is not let in.
        case keptOut(PostgresError)
    }

    /// Whether Chatwoot's role gets in with this password; failures that are not the role's own are thrown.
    func login(_ site: ReadableSite, password: Secret) async throws -> Login {
        do {
            try await site.postgres(.chatwoot(password: password)).ping()
            return .letIn
        } catch let error as PostgresError {
            // PostgreSQL asks for the password first, then for LOGIN (28000), CONNECTION LIMIT (53300) and CONNECT (42501).
            switch error.sqlState {
            case "28P01": return .wrongPassword
            case "28000", "53300", "42501": return .keptOut(error)
            default: throw error
            }
        }
    }
}

extension RoleAttributes {
    /// The attributes that differ, as SQL's keywords.
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
