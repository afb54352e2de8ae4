import ClientKit

/// What an SQLSTATE means for the run and what the operator should do about it.
struct ServerAdvice {
    let kind: FailureKind
    let remedy: String

    init(sqlState: String) {
        switch sqlState {
        case "28P01":
            self.init(.refused, "Correct the role's password in the credentials file: the server refuses this one.")
        case "28000":
            self.init(
                .refused,
                "Check that the role may log in, and that pg_hba.conf has a line for this role, database and address."
            )
        case "3D000":
            self.init(.failed, "Check the database's name in the inventory, or create the database.")
        case "42501":
            self.init(
                .failed,
                "Log in as a role with the missing right: a superuser, or the owner of the object (and a member of its new owner)."
            )
        case "53300":
            self.init(
                .unreachable, "Wait for free connections, or raise max_connections or the role's CONNECTION LIMIT.")
        case "57P03":
            self.init(.unreachable, "The server is starting up or recovering: wait, then resume.")
        case "57P01", "57P02", "57P05":
            self.init(.unreachable, "The server is being stopped or restarted: wait until it is back, then resume.")
        case "57014":
            self.init(.failed, "Look in pg_stat_activity for what holds the lock or the time, or raise the time limit.")
        case "25006":
            self.init(.failed, "The session only reads: use the primary server, or the writing client for a change.")
        case "0A000", "58P01":
            self.init(
                .failed,
                "Install the package that holds it (for extensions postgresql-contrib) on all PostgreSQL servers.")
        case "42P04", "42710":
            self.init(.failed, "It exists already: look whether it is what is wanted.")
        case "22023":
            self.init(.failed, "Check the server's locale and encoding against what is asked for.")
        case "08P01":
            self.init(.failed, "Check that the port is PostgreSQL's own: a pooler does not pass everything on.")
        case _ where sqlState.hasPrefix("28"):
            self.init(.refused, "Check the role's credentials and pg_hba.conf.")
        case _ where sqlState.hasPrefix("08"):
            self.init(.unreachable, "Check the server and what stands before it, then resume.")
        case _ where sqlState.hasPrefix("53"):
            self.init(.failed, "Free disk space or memory on the server, then resume.")
        case _ where sqlState.hasPrefix("58") || sqlState.hasPrefix("XX"):
            self.init(.failed, "Read the PostgreSQL server's log: the fault is on its side.")
        default:
            self.init(.failed, "Look up the SQLSTATE in PostgreSQL's appendix A, and read the server's log.")
        }
    }

    private init(_ kind: FailureKind, _ remedy: String) {
        self.kind = kind
        self.remedy = remedy
    }
}
