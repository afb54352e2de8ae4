import ClientKit

/// What an SQLSTATE means for the run and what the operator should do about it.
struct ServerAdvice {
    let kind: FailureKind
    /// What the code means, where the server's own words leave that open.
    let meaning: String?
    let remedy: String

    init(sqlState: String) {
        let row =
            Self.rows.first { $0.codes.contains(sqlState) }
            ?? Self.classes.first { $0.codes.contains(String(sqlState.prefix(2))) }
        self =
            row?.advice ?? Self(.failed, "Look up the SQLSTATE in PostgreSQL's appendix A, and read the server's log.")
    }

    private init(_ kind: FailureKind, meaning: String? = nil, _ remedy: String) {
        self.kind = kind
        self.meaning = meaning
        self.remedy = remedy
    }

    private struct Row {
        let codes: Set<String>
        let advice: ServerAdvice

        init(_ codes: Set<String>, _ kind: FailureKind, meaning: String? = nil, _ remedy: String) {
            self.codes = codes
            advice = ServerAdvice(kind, meaning: meaning, remedy)
        }
    }

    /// By the whole code.
    private static let rows = [
        Row(["28P01"], .refused, "Correct the role's password in the credentials file: the server refuses this one."),
        Row(
            ["28000"], .refused,
            meaning: "the server does not allow this role to log in to this database from this address",
            """
            Add a line for role, database and address as the server names them to pg_hba.conf on every PostgreSQL server \
            (with Patroni to pg_hba in its configuration) and reload it; or, where the server says so, give the role LOGIN.
            """),
        Row(["3D000"], .failed, "Check the database's name in the inventory, or create the database."),
        Row(
            ["42501"], .failed,
            "Log in as a role with the missing right: a superuser, or the owner of the object (and a member of its new owner)."
        ),
        Row(
            ["53300"], .unreachable, meaning: "all connections of the server, or of this role or database, are taken",
            "Wait for free connections, or raise max_connections or the role's CONNECTION LIMIT."),
        Row(
            ["53100"], .failed, meaning: "the disk of the PostgreSQL server is full",
            "Free space where the server's data and its pg_wal lie, then resume."),
        Row(
            ["53200"], .failed, meaning: "the PostgreSQL server is out of memory or of lock slots",
            "Free memory on the server, or raise max_locks_per_transaction where it says so, then resume."),
        Row(
            ["57P03"], .unreachable, meaning: "the server takes no connections now: it starts, recovers or stops",
            "Wait until it is up, then resume."),
        Row(
            ["57P01", "57P02", "57P05"], .unreachable,
            meaning: "the server, or an administrator on it, ended the session",
            "Wait until the server is back, then resume."),
        Row(
            ["57P04", "55006"], .failed,
            "Look in pg_stat_activity for the sessions on the database, end them, then resume."),
        Row(
            ["57014", "55P03"], .failed,
            "Look in pg_stat_activity for what holds the lock or the time, or raise the time limit."),
        Row(
            ["40P01", "40001"], .failed, "Look in pg_stat_activity for what else changes the same objects, then resume."
        ),
        Row(
            ["25006"], .failed, meaning: "the session only reads: on a standby, or on a primary that was set read-only",
            "Point the inventory at the primary, or make the load balancer choose it by its check."),
        Row(
            ["0A000", "58P01"], .failed, meaning: "the server lacks a file or a feature that this needs",
            """
            Install the package that holds it on all PostgreSQL servers: for extensions postgresql-contrib, for vector \
            postgresql-NN-pgvector, NN being the server's major version.
            """),
        Row(["42P04", "42710"], .failed, "It exists already: look whether it is what is wanted."),
        Row(["22023"], .failed, "Check the server's locale and encoding against what is asked for."),
        Row(
            ["08P01"], .failed, "Check that the port is PostgreSQL's own: a pooler does not pass everything on."),
    ]

    /// By the code's first two characters.
    private static let classes = [
        Row(["28"], .refused, "Check the role's credentials and pg_hba.conf."),
        Row(["08"], .unreachable, "Check the server and what stands before it, then resume."),
        Row(["53"], .failed, "Free what the server says it lacks, then resume."),
        Row(["58", "XX"], .failed, "Read the PostgreSQL server's log: the fault is on its side."),
    ]
}
