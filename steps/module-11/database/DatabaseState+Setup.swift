import Postgres
import StepKit

extension DatabaseState {
    /// The changes that `11_ct_00_setup_credentials` has to make, and those that it cannot make.
    struct Setup: Sendable, Hashable {
        var changes: [Planned] = []
        var refusals: [DatabaseRefusal] = []

        struct Planned: Sendable, Hashable {
            let change: DatabaseChange
            let certainty: Certainty
        }

        fileprivate mutating func add(_ change: DatabaseChange, _ certainty: Certainty = .proved) {
            changes.append(Planned(change: change, certainty: certainty))
        }
    }

    static let attempt = "set up Chatwoot's database"

    /// Every change that is missing; it is proved if the catalogue shows that the administrator may
    /// make it.
    var setup: Setup {
        var setup = Setup()
        judgeServer(&setup)
        judgeRole(&setup)
        let ofRole = setup.changes.count
        judgeDatabase(&setup)
        judgeContents(&setup)
        judgeMembership(&setup, at: ofRole)
        judgeLogin(&setup)
        return setup
    }

    private var isSuperuser: Bool { server.reader.attributes.isSuperuser }
    var administrator: String { server.reader.name }

    /// Statements for a role with more privileges than the administrator, instead of a change that
    /// would fail.
    private func refuse(
        _ setup: inout Setup, _ cause: String, _ statements: [String], in database: String? = nil
    ) {
        setup.refusals.append(
            DatabaseRefusal(
                attempt: Self.attempt, cause: cause,
                cure: .statements(statements, database: database ?? adminDatabase)))
    }

    private func judgeServer(_ setup: inout Setup) {
        guard let place = server.readOnly else { return }
        refuse(
            &setup, "default_transaction_read_only is on for \(place), so Chatwoot could not write",
            place.split(separator: ", ").map { "ALTER \($0) RESET default_transaction_read_only" })
    }

    private func judgeRole(_ setup: inout Setup) {
        let wanted = RoleAttributes()
        guard let found = server.role else {
            if isSuperuser || server.reader.attributes.canCreateRoles { return setup.add(.createRole) }
            return refuse(
                &setup, "\"\(administrator)\" may not create roles", ["ALTER ROLE \(quoted(administrator)) CREATEROLE"])
        }
        guard found.attributes != wanted || found.validUntil != nil else { return }
        guard mayAlterRole else {
            var options = found.attributes == wanted ? [] : [wanted.options(besides: found.attributes)]
            if found.validUntil != nil { options.append("VALID UNTIL 'infinity'") }
            return refuse(
                &setup,
                "\"\(administrator)\" may not alter role \"\(role)\", which has attributes that it must not have",
                ["ALTER ROLE \(quoted(role)) \(options.joined(separator: " "))"])
        }
        if found.attributes != wanted { setup.add(.alterRole(found.attributes.differences(to: wanted))) }
        if let end = found.validUntil { setup.add(.endValidity(end)) }
    }

    /// Only superusers can remove attributes that only superusers can grant.
    private var mayAlterRole: Bool {
        guard !isSuperuser else { return true }
        guard let attributes = server.role?.attributes, server.reader.attributes.canCreateRoles else { return false }
        let isPowerful = attributes.isSuperuser || attributes.canReplicate || attributes.bypassesRowSecurity
        return !isPowerful && (server.version < 160_000 || server.rightsOnRole.mayGrant)
    }

    /// Whether the administrator has, or is about to have, the membership that PostgreSQL requires
    /// for transferring an object to Chatwoot's role.
    private var isOrBecomesMember: Bool {
        isSuperuser || (server.rightsOnRole.hasItsRights && server.rightsOnRole.mayBecome) || mayJoin
    }

    private var mayJoin: Bool {
        server.reader.inherits
            && (server.role == nil ? server.reader.attributes.canCreateRoles : server.rightsOnRole.mayGrant)
    }

    /// Required only if something needs it, and then done before that.
    private func judgeMembership(_ setup: inout Setup, at place: Int) {
        guard setup.changes.count > place || (server.database != nil && contents == nil) else { return }
        guard !isSuperuser, !(server.rightsOnRole.hasItsRights && server.rightsOnRole.mayBecome) else { return }
        guard server.reader.inherits else {
            return refuse(
                &setup, "\"\(administrator)\" is NOINHERIT, and has no privileges on what it transfers to \"\(role)\"",
                ["ALTER ROLE \(quoted(administrator)) INHERIT"])
        }
        if mayJoin {
            let planned = Setup.Planned(
                change: .join(administrator: administrator), certainty: server.role == nil ? .predicted : .proved)
            return setup.changes.insert(planned, at: place)
        }
        // The missing privilege to create the role was reported above.
        guard server.role != nil else { return }
        let options = server.version < 160_000 ? "" : " WITH ADMIN TRUE, INHERIT TRUE, SET TRUE"
        refuse(
            &setup, "\"\(administrator)\" is not a member of role \"\(role)\" and may not become one",
            ["GRANT \(quoted(role)) TO \(quoted(administrator))\(options)"])
    }

    private func judgeDatabase(_ setup: inout Setup) {
        guard let found = server.database else { return judgeMissingDatabase(&setup) }
        guard found.encoding == "UTF8" else {
            setup.refusals.append(
                DatabaseRefusal(
                    attempt: Self.attempt,
                    cause: "the encoding of database \(database) is \(found.encoding), which cannot be changed",
                    cure: .person("dump it, drop it and restore it into a UTF8 database, or use another name")))
            return
        }
        let isForeign = found.owner != role
        if isForeign {
            guard isSuperuser || (server.readerOwnsDatabase && server.reader.attributes.canCreateDatabases) else {
                return refuse(
                    &setup,
                    "the database \(database) belongs to \"\(found.owner)\", whose privileges \"\(administrator)\" lacks",
                    ["ALTER DATABASE \(quoted(database)) OWNER TO \(quoted(role))"])
            }
            setup.add(
                .changeOwner(from: found.owner), isSuperuser || server.rightsOnRole.mayBecome ? .proved : .predicted)
        }
        let certainty: Certainty = isSuperuser || server.readerOwnsDatabase ? .proved : .predicted
        if !found.allowsConnections { setup.add(.allowConnections, certainty) }
        if found.publicMayConnect { setup.add(.revokeConnectFromPublic, certainty) }
        if !isForeign, !found.ownerMayConnect { setup.add(.grantConnect, certainty) }
    }

    private func judgeMissingDatabase(_ setup: inout Setup) {
        let missing = template.filter { $0.name != "plpgsql" }
        let special = missing.filter { $0.needsSuperuser && !isSuperuser }
        if isSuperuser || server.reader.attributes.canCreateDatabases {
            setup.add(
                .createDatabase(fromTemplate1: !special.isEmpty),
                server.role != nil && (isSuperuser || server.rightsOnRole.mayBecome) ? .proved : .predicted)
            setup.add(.revokeConnectFromPublic, .predicted)
        } else {
            refuse(
                &setup, "\"\(administrator)\" may not create databases",
                ["ALTER ROLE \(quoted(administrator)) CREATEDB"])
        }
        for state in missing where state.availableVersion != nil {
            if special.contains(state) {
                if state.installedVersion == nil {
                    refuse(
                        &setup,
                        "only a superuser may create the extension \(state.name), and \"\(administrator)\" is not one",
                        ["CREATE EXTENSION \(state.name)"], in: "template1")
                }
            } else if state.installedVersion == nil || special.isEmpty {
                setup.add(.createExtension(state.name), .predicted)
            }
        }
        refuseMissingFiles(&setup, missing)
    }

    private func refuseMissingFiles(_ setup: inout Setup, _ states: [ExtensionState]) {
        for state in states where state.availableVersion == nil && state.installedVersion == nil {
            guard extensions.required.contains(state.name) else { continue }
            let package = Extensions.package(of: state.name, serverVersion: server.version)
            setup.refusals.append(
                DatabaseRefusal(
                    attempt: "find the extension \(state.name)", cause: "the server does not have its files",
                    cure: .person("install \(package) on every database node, then run again")))
        }
    }

    private func judgeContents(_ setup: inout Setup) {
        guard let contents, let found = server.database else { return }
        guard let home = path.first else {
            return refuse(
                &setup,
                "search_path of \"\(role)\" names no existing schema: \(sessionPath ?? server.searchPath ?? "")",
                ["ALTER ROLE \(quoted(role)) IN DATABASE \(quoted(database)) SET search_path = public"])
        }
        if let schema = contents.schemas.first(where: { $0.name == home }), !(schema.roleMayUse && schema.roleMayCreate)
        {
            // The database's owner has the privileges of `pg_database_owner`, which owns the schema
            // from PostgreSQL 15 on.
            let comesWithOwnership = found.owner != role && schema.owner == "pg_database_owner"
            if !comesWithOwnership {
                if isSuperuser || schema.readerMayGrant || (schema.owner == role && isOrBecomesMember) {
                    setup.add(.grantSchema(home), server.role == nil ? .predicted : .proved)
                } else {
                    refuse(
                        &setup,
                        "schema \(home) belongs to \"\(schema.owner)\", and \"\(role)\" may not create tables in it",
                        ["GRANT USAGE, CREATE ON SCHEMA \(quoted(home)) TO \(quoted(role))"], in: database)
                }
            }
        }
        judgeExtensions(&setup, contents, home: home)
        judgeOwners(&setup)
    }

    private func judgeExtensions(_ setup: inout Setup, _ contents: DatabaseContents, home: String) {
        for state in contents.extensions {
            if state.installedVersion != nil {
                guard let schema = state.schema, Extensions.namedBare.contains(state.name), !path.contains(schema)
                else {
                    continue
                }
                if isSuperuser {
                    setup.add(.moveExtension(state.name, from: schema, to: home))
                } else {
                    refuse(
                        &setup,
                        "extension \(state.name) is in schema \(schema), which is not in "
                            + "the search_path of \"\(role)\"",
                        ["ALTER EXTENSION \(quoted(state.name)) SET SCHEMA \(quoted(home))"], in: database)
                }
            } else if state.availableVersion != nil {
                if state.needsSuperuser, !isSuperuser {
                    refuse(
                        &setup,
                        "only a superuser may create the extension \(state.name), and \"\(administrator)\" is not one",
                        ["CREATE EXTENSION \(state.name)"], in: database)
                } else {
                    setup.add(
                        .createExtension(state.name), isSuperuser || server.readerOwnsDatabase ? .proved : .predicted)
                }
            }
        }
        refuseMissingFiles(&setup, contents.extensions)
    }

    /// The objects that Chatwoot has to alter and another role owns.
    ///
    /// Objects of roles that are neither superuser nor administrator and own none of Chatwoot's own
    /// tables are left to them.
    var foreignObjects: [OwnedObject] {
        guard let contents else { return [] }
        let path = Set(path)
        let relations = contents.relations.map(\.object).filter { $0.owner != role }
        let foreign = (relations + contents.foreignRoutines).filter { path.contains($0.schema) }
        let owners = Set(relations.filter { Self.ownTables.contains($0.name) }.map(\.owner) + [administrator])
        return foreign.filter { $0.ownerIsSuperuser || owners.contains($0.owner) }
    }

    /// Tables that every version of Chatwoot has.
    private static let ownTables = railsTables.union([
        "accounts", "account_users", "users", "contacts", "conversations", "inboxes", "installation_configs",
        "messages",
    ])

    private func judgeOwners(_ setup: inout Setup) {
        let foreign = foreignObjects
        guard !foreign.isEmpty else { return }
        let mine = foreign.filter { isSuperuser || ($0.readerHasOwnersRights && isOrBecomesMember) }
        let others = foreign.filter { !mine.contains($0) }
        if !mine.isEmpty {
            setup.add(.takeOver(mine), isSuperuser || server.rightsOnRole.mayBecome ? .proved : .predicted)
        }
        guard !others.isEmpty else { return }
        let owners = Set(others.map(\.owner)).sorted().joined(separator: ", ")
        refuse(
            &setup,
            "\(DatabaseChange.words(for: others)) belong to \(owners), whose privileges \"\(administrator)\" lacks: "
                + "\"\(role)\" can neither migrate nor back them up",
            others.map(\.takeOver), in: database)
    }

    private func judgeLogin(_ setup: inout Setup) {
        guard server.role != nil, server.database != nil else { return }
        guard hasPassword else { return judgePassword(&setup, .generated, .predicted) }
        guard case .refused(let refused) = login else { return }
        if login.isWrongPassword {
            // The server's error for an expired password is the same as for a wrong one.
            let hadEnded = server.role?.validUntil != nil
            return judgePassword(&setup, hadEnded ? .perhapsEnded : .known, hadEnded ? .knownAfterApply : .proved)
        }
        // A pending change or refusal explains the failed login; otherwise nothing does.
        guard setup.changes.isEmpty, setup.refusals.isEmpty else { return }
        setup.refusals.append(
            DatabaseRefusal(
                attempt: "log in with Chatwoot's credentials", cause: refused.cause, cure: .person(.fix(refused.remedy))
            ))
    }

    private func judgePassword(_ setup: inout Setup, _ password: DatabaseChange.Password, _ certainty: Certainty) {
        guard mayAlterRole else {
            return refuse(
                &setup, "\"\(administrator)\" may not set the password of role \"\(role)\"",
                server.version < 160_000
                    ? ["ALTER ROLE \(quoted(administrator)) CREATEROLE"]
                    : [
                        "ALTER ROLE \(quoted(administrator)) CREATEROLE",
                        "GRANT \(quoted(role)) TO \(quoted(administrator)) WITH ADMIN TRUE, INHERIT TRUE, SET TRUE",
                    ])
        }
        setup.add(.setPassword(password), certainty)
    }
}
