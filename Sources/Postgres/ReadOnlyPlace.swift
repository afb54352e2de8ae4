import ClientKit

/// What makes a session read-only, according to `pg_is_in_recovery()` and the source in
/// `pg_settings`.
enum ReadOnlyPlace {
    case standby
    /// The whole server: its configuration, or its command line.
    case server
    case allRoles
    case role
    case database
    case roleInDatabase

    init(isStandby: Bool, source: String?) {
        self =
            switch source {
            case _ where isStandby: .standby
            case "global": .allRoles
            case "user": .role
            case "database": .database
            case "database user": .roleInDatabase
            default: .server
            }
    }

    /// The target of an `ALTER` that resets the setting; `nil` if no such statement helps.
    fileprivate func target(role: String, database: String) -> String? {
        let role = "ROLE \(quoted(role))"
        let database = "DATABASE \(quoted(database))"
        return switch self {
        case .standby, .server: nil
        case .allRoles: "ROLE ALL"
        case .role: role
        case .database: database
        case .roleInDatabase: "\(role) IN \(database)"
        }
    }
}

extension PostgresError {
    /// A session that is read-only, where one that accepts writes is required.
    init(
        _ place: ReadOnlyPlace, attempt: String, endpoint: PostgresEndpoint, host: PostgresEndpoint.Host
    ) {
        let (cause, remedy): (String, String)
        if let target = place.target(role: endpoint.user, database: endpoint.database) {
            cause = "default_transaction_read_only is on for \(target), not for the server"
            remedy =
                "run as a superuser: SET default_transaction_read_only = off; "
                + "ALTER \(target) RESET default_transaction_read_only"
        } else if case .standby = place {
            cause = "the server is a standby, which is read-only"
            remedy = "point the inventory at the primary, or make the load balancer's health check select it"
        } else {
            cause = "the server is a primary whose default_transaction_read_only is on"
            remedy = "find out why it was set read-only (Patroni, a full disk), and make it writable again"
        }
        self.init(
            .readOnlyServer, attempt: attempt, host: endpoint.place(host), cause: cause, remedy: remedy,
            kind: .failed)
    }
}
