import Postgres
import StepKit

/// One thing that `11_ct_00_setup_credentials` does to the server or to Chatwoot's database.
enum DatabaseChange: Sendable, Hashable {
    case createRole
    /// Attributes that differ, as text.
    case alterRole(String)
    /// Removes the expiry of the role's password.
    case endValidity(String)
    /// Makes the administrator a member of Chatwoot's role, which is required to give that role
    /// ownership.
    case join(administrator: String)
    /// `fromTemplate1` if only template1 has an extension that the administrator may not create.
    case createDatabase(fromTemplate1: Bool)
    case changeOwner(from: String)
    case allowConnections
    case revokeConnectFromPublic
    case grantConnect
    case grantSchema(String)
    case createExtension(String)
    case moveExtension(String, from: String, to: String)
    /// Objects of other owners that Chatwoot has to alter.
    case takeOver([OwnedObject])
    case setPassword(Password)

    enum Password: Sendable, Hashable {
        /// The role's password is not known, and a new one is generated.
        case generated
        /// The server refuses the known one.
        case known
        /// The server refuses the known one, perhaps only because it had expired.
        case perhapsEnded
    }

    /// The change for a plan.
    func change(in state: DatabaseState, _ certainty: Certainty) -> Change {
        let (database, role) = (state.database, state.role)
        let (onRole, onDatabase) = (Change.Subject.role(name: role), Change.Subject.database(name: database))
        switch self {
        case .createRole:
            return Change("create role \"\(role)\" with LOGIN and no other attribute", certainty, .create, onRole)
        case .alterRole(let difference):
            return Change("alter role \"\(role)\": \(difference)", certainty, .change, onRole)
        case .endValidity(let end):
            return Change(
                "alter role \"\(role)\": VALID UNTIL \(end) → infinity", certainty, .change, onRole,
                field: "VALID UNTIL", old: end, new: "infinity")
        case .join(let administrator):
            return Change(
                "make \"\(administrator)\" a member of role \"\(role)\", so that it can transfer the database to it",
                certainty,
                .change, onRole, field: "members", new: administrator)
        case .createDatabase(let fromTemplate1):
            return Change(
                "create database \"\(database)\" (UTF8\(fromTemplate1 ? ", from template1" : "")) owned by \"\(role)\"",
                certainty, .create, onDatabase)
        case .changeOwner(let owner):
            return Change(
                "alter database \"\(database)\": owner \(owner) → \(role)", certainty, .change, onDatabase,
                field: "owner", old: owner, new: role)
        case .allowConnections:
            return Change(
                "allow connections to database \"\(database)\"", certainty,
                .change, onDatabase, field: "ALLOW_CONNECTIONS", old: "false", new: "true")
        case .revokeConnectFromPublic:
            return Change(
                "revoke CONNECT on database \"\(database)\" from PUBLIC", certainty, .change, onDatabase,
                field: "CONNECT of PUBLIC")
        case .grantConnect:
            return Change(
                "grant CONNECT on database \"\(database)\" to \"\(role)\"", certainty, .change, onDatabase,
                field: "CONNECT of \(role)")
        case .grantSchema(let schema):
            return Change(
                "grant USAGE and CREATE on schema \(schema) to \"\(role)\"", certainty, .change, onDatabase,
                field: "schema \(schema)")
        case .createExtension(let name):
            return Change(
                "create extension \(name) in database \"\(database)\"", certainty, .change, onDatabase,
                field: "extension \(name)")
        case .moveExtension(let name, let old, let new):
            return Change(
                "move extension \(name) in database \"\(database)\": schema \(old) → \(new), which is in the search_path of \"\(role)\"",
                certainty, .change, onDatabase, field: "schema of extension \(name)", old: old, new: new)
        case .takeOver(let objects):
            let owners = Set(objects.map(\.owner)).sorted().joined(separator: ", ")
            return Change(
                "alter the owner of \(Self.words(for: objects)): \(owners) → \(role)", certainty, .change, onDatabase,
                field: "owner of \(objects.count) objects", old: owners, new: role)
        case .setPassword(let password):
            let words =
                switch password {
                case .generated: "set the password of role \"\(role)\" to the generated one"
                case .known: "set the password of role \"\(role)\" to the one of chatwoot.env and the cluster"
                case .perhapsEnded:
                    "set the password of role \"\(role)\" to the one of chatwoot.env and the cluster, unless it had only expired"
                }
            return Change(words, certainty, .change, onRole, field: "password")
        }
    }

    /// Whether Chatwoot cannot work without it; the others keep other roles out.
    var isNeededByChatwoot: Bool {
        switch self {
        case .revokeConnectFromPublic, .join: false
        default: true
        }
    }

    /// Whether the administrator may see what is in the database once it is done.
    var makesVisible: Bool {
        switch self {
        case .allowConnections, .join: true
        default: false
        }
    }

    /// What is wrong until it is done.
    func missing(in state: DatabaseState) -> String {
        let (database, role) = (state.database, state.role)
        return switch self {
        case .createRole: "there is no role \"\(role)\""
        case .alterRole(let difference): "role \"\(role)\" differs from what is required: \(difference)"
        case .endValidity(let end): "the password of role \"\(role)\" expired or expires at \(end)"
        case .join(let administrator): "\"\(administrator)\" is not a member of role \"\(role)\""
        case .createDatabase: "there is no database \"\(database)\""
        case .changeOwner(let owner): "the database \"\(database)\" belongs to \(owner)"
        case .allowConnections: "the database \"\(database)\" does not allow connections"
        case .revokeConnectFromPublic: "PUBLIC may connect to the database \"\(database)\""
        case .grantConnect: "\"\(role)\" may not connect to the database \"\(database)\""
        case .grantSchema(let schema): "\"\(role)\" may not create tables in schema \(schema)"
        case .createExtension(let name): "the extension \(name) is missing in the database \"\(database)\""
        case .moveExtension(let name, let schema, _):
            "the extension \(name) is in schema \(schema), which is not in the search_path of \"\(role)\""
        case .takeOver(let objects):
            "\(Self.words(for: objects)) belong to \(Set(objects.map(\.owner)).sorted().joined(separator: ", ")), so that "
                + "\"\(role)\" cannot alter them"
        case .setPassword(.generated): "no password is known for role \"\(role)\""
        case .setPassword:
            "the password in Secret \(ChatwootNames.secret) is not that of the PostgreSQL role \(role) (28P01), "
                + "which Rails reports as a missing database"
        }
    }

    /// `67 tables (accounts, users …) and 3 routines`.
    static func words(for objects: [OwnedObject]) -> String {
        let kinds = Dictionary(grouping: objects, by: \.kind).sorted { $0.key == "TABLE" || $0.key < $1.key }
        return kinds.map { kind, objects in
            let names = objects.map(\.name).sorted()
            let shown = names.prefix(5).joined(separator: ", ") + (names.count > 5 ? " …" : "")
            return "\(objects.count) \(kind.lowercased())\(objects.count == 1 ? "" : "s") (\(shown))"
        }.joined(separator: " and ")
    }
}
