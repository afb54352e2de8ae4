import Postgres
import StepKit

@testable import Steps

/// States of a server and a database, as few words as the tests need.
extension DatabaseState {
    /// A platform where everything is in place but for what `change` makes otherwise.
    static func sample(_ change: (inout DatabaseState) -> Void = { _ in }) -> DatabaseState {
        var state = DatabaseState(
            database: "chatwoot", role: "chatwoot",
            server: ServerFacts(
                version: 150_020, reader: .superuser, role: RoleState(name: "chatwoot", attributes: RoleAttributes()),
                rightsOnRole: .all, database: DatabaseFacts(name: "chatwoot", owner: "chatwoot"),
                readerOwnsDatabase: true, rightsOnOwner: .all, readerMayConnect: true))
        state.extensions = Extensions(image: nil)
        state.login = .accepted
        state.sessionPath = "\"$user\", public"
        state.contents = .sample(tables: [])
        change(&state)
        return state
    }

    /// The same with these tables and as many rows in each.
    static func holding(
        _ rows: [String: Int], onboarding: Bool = false, migrations: Int? = nil,
        _ change: (inout DatabaseState) -> Void = { _ in }
    ) -> DatabaseState {
        sample { state in
            state.contents = .sample(tables: rows.sorted { $0.key < $1.key }.map { .table($0.key, rows: $0.value) })
            state.isOnboarding = onboarding
            let count = migrations ?? rows["schema_migrations"] ?? 0
            state.migrations = .init(count: count, newest: count == 0 ? "" : "20240516003531")
            change(&state)
        }
    }
}

extension ServerFacts.Reader {
    static var superuser: Self {
        var attributes = RoleAttributes()
        attributes.isSuperuser = true
        return Self(name: "kb_admin", attributes: attributes)
    }

    /// What the README asks of an administrator who is no superuser.
    static var administrator: Self {
        var attributes = RoleAttributes()
        attributes.canCreateDatabases = true
        attributes.canCreateRoles = true
        return Self(name: "kb_admin", attributes: attributes)
    }

    /// A role that may log in.
    static var nobody: Self { Self(name: "kb_admin", attributes: RoleAttributes()) }
}

extension ServerFacts.RightsOnRole {
    static var all: Self { Self(hasItsRights: true, mayBecome: true, mayGrant: true) }
}

extension DatabaseContents {
    static func sample(tables: [RelationFacts]) -> DatabaseContents {
        DatabaseContents(
            reader: "kb_admin",
            schemas: [
                SchemaFacts(
                    name: "public", owner: "pg_database_owner", roleMayUse: true, roleMayCreate: true,
                    readerMayGrant: true)
            ], relations: tables,
            extensions: ["pg_stat_statements", "pg_trgm", "pgcrypto", "plpgsql"].map { .made($0) })
    }
}

extension ExtensionState {
    static func made(_ name: String, in schema: String = "public") -> ExtensionState {
        ExtensionState(
            name: name, installedVersion: "1.0", availableVersion: "1.0", schema: schema,
            needsSuperuser: name == "pg_stat_statements")
    }

    static func missing(_ name: String, hasFiles: Bool = true) -> ExtensionState {
        ExtensionState(
            name: name, installedVersion: nil, availableVersion: hasFiles ? "1.0" : nil,
            needsSuperuser: name == "pg_stat_statements")
    }
}

extension RelationFacts {
    static func table(
        _ name: String, rows: Int = 0, in schema: String = "public", owner: String = "chatwoot", kind: Kind = .table,
        isSuperusers: Bool = false, isReaders: Bool = true
    ) -> RelationFacts {
        RelationFacts(
            kind: kind,
            object: OwnedObject(
                kind: kind == .materialisedView ? "MATERIALIZED VIEW" : "TABLE", schema: schema, name: name,
                owner: owner,
                ownerIsSuperuser: isSuperusers, readerHasOwnersRights: isReaders,
                takeOver: "ALTER TABLE \(schema).\(name) OWNER TO chatwoot"),
            bytes: rows * 8192, readerSeesRows: true, roleSeesRows: owner == "chatwoot",
            rows: rows == 0 ? .none : .some(counted: min(rows, countLimit)))
    }
}

extension DatabaseRefusal.Cure {
    /// What the operator of module 11 reads.
    var words: String { remedy.text(forModule: 11) }
}
