import ClientKit

/// What an SQLSTATE means for the run and what the operator should do about it.
struct ServerAdvice {
    let kind: FailureKind
    /// What the code means, if the server's message does not say it.
    let meaning: String?
    let remedy: String

    /// Advice on the code, for a statement that was given `limit`.
    init(sqlState: String, within limit: TimeLimit? = nil) {
        if sqlState == Self.cancelled, let limit, let remedy = limit.remedy {
            self.init(
                .failed, meaning: "a statement may take \(limit.inWords)",
                remedy: "find what holds the lock or takes so long in pg_stat_activity, or \(remedy)")
            return
        }
        let row =
            Self.rows.first { $0.codes.contains(sqlState) }
            ?? Self.classes.first { $0.codes.contains(String(sqlState.prefix(2))) }
        self =
            row?.advice
            ?? Self(.failed, remedy: "look up the SQLSTATE in PostgreSQL's appendix A, and check the server's log")
    }

    private init(_ kind: FailureKind, meaning: String? = nil, remedy: String) {
        self.kind = kind
        self.meaning = meaning
        self.remedy = remedy
    }

    /// `query_canceled`: at `statement_timeout`, or by an administrator.
    private static let cancelled = "57014"

    private struct Row {
        let codes: Set<String>
        let advice: ServerAdvice

        init(
            _ codes: Set<String>, kind: FailureKind, meaning: String? = nil, remedy: String
        ) {
            self.codes = codes
            advice = ServerAdvice(kind, meaning: meaning, remedy: remedy)
        }
    }

    /// Advice by the whole code.
    private static let rows = [
        Row(
            ["28P01"], kind: .refused,
            remedy: "correct the role's password in the credentials file: the server rejects this one"),
        Row(
            ["28000"], kind: .refused,
            meaning: "the server does not allow this role to log in to this database from this address",
            remedy: """
                add a line for role, database and address as the server names them to pg_hba.conf on every PostgreSQL server \
                (with Patroni to pg_hba in its configuration) and reload it; or, if the server says so, give the role LOGIN
                """),
        Row(["3D000"], kind: .failed, remedy: "check the database's name in the inventory, or create the database"),
        Row(
            ["42501"], kind: .failed,
            remedy:
                "log in as a role with the missing privilege: a superuser, or the owner of the object (and a member of its new owner)"
        ),
        Row(
            ["53300"], kind: .unreachable,
            meaning: "the connection limit of the server, or of this role or database, is reached",
            remedy: "wait for free connections, or raise max_connections or the role's CONNECTION LIMIT"),
        Row(
            ["53100"], kind: .failed, meaning: "the disk of the PostgreSQL server is full",
            remedy: "free disk space for the server's data directory and its pg_wal, then resume"),
        Row(
            ["53200"], kind: .failed, meaning: "the PostgreSQL server is out of memory or of lock slots",
            remedy: "free memory on the server, or raise max_locks_per_transaction if it says so, then resume"),
        Row(
            ["57P03"], kind: .unreachable,
            meaning: "the server accepts no connections now: it is starting, recovering or stopping",
            remedy: "wait until it is up, then run `runner resume`"),
        Row(
            ["57P01", "57P02", "57P05"], kind: .unreachable,
            meaning: "the server, or an administrator on it, ended the session",
            remedy: "wait until the server is back, then resume"),
        Row(
            ["57P04", "55006"], kind: .failed,
            remedy: "find the sessions on the database in pg_stat_activity, terminate them, then resume"),
        Row(
            [cancelled, "55P03"], kind: .failed,
            remedy: "find what holds the lock or takes so long in pg_stat_activity, or raise the time limit"),
        Row(
            ["40P01", "40001"], kind: .failed,
            remedy: "find what else changes the same objects in pg_stat_activity, then resume"
        ),
        Row(
            ["25006"], kind: .failed,
            meaning: "the session is read-only: on a standby, or on a primary that was set read-only",
            remedy: "point the inventory at the primary, or make the load balancer's health check select it"),
        Row(
            ["0A000", "58P01"], kind: .failed, meaning: "the server lacks a file or feature that is required",
            remedy: """
                install the package that contains it on all PostgreSQL servers: for extensions postgresql-contrib, for vector \
                postgresql-NN-pgvector, NN being the server's major version
                """),
        Row(["42P04", "42710"], kind: .failed, remedy: "check whether the existing object is the right one"),
        Row(["22023"], kind: .failed, remedy: "check the server's locale and encoding against the requested ones"),
        Row(
            ["08P01"], kind: .failed,
            remedy: "check that the port is PostgreSQL's own: a connection pooler does not support everything"),
    ]

    /// Advice by the code's first two characters.
    private static let classes = [
        Row(["28"], kind: .refused, remedy: "check the role's credentials and pg_hba.conf"),
        Row(["08"], kind: .unreachable, remedy: "check the server and what is in front of it, then resume"),
        Row(["53"], kind: .failed, remedy: "free the resource that the server reports as exhausted, then resume"),
        Row(["58", "XX"], kind: .failed, remedy: "check the PostgreSQL server's log: the error is on its side"),
    ]
}
