import ClientKit

/// An SQL statement, and the part of it that may be shown.
struct Statement {
    let sql: String
    let parameters: [String?]
    let effect: Effect
    /// The text for records and errors: `sql`, without the contents of ``secrets``.
    let shown: String
    /// The secrets that no record may contain.
    let secrets: [String]
    /// How many statements it really is; several are sent as one message, which PostgreSQL makes one transaction.
    let count: Int
    /// Whether PostgreSQL does it in no transaction with anything else.
    let isAlone: Bool

    init(reading sql: String, _ parameters: [String?] = []) {
        self.sql = sql
        self.parameters = parameters
        (effect, shown, secrets, count, isAlone) = (.read, sql, [], 1, false)
    }

    /// A change has no parameters: what is sent before it in the same message makes that impossible.
    init(changing sql: String, secrets: [String] = [], isAlone: Bool = false) {
        self.sql = sql
        self.secrets = secrets
        self.isAlone = isAlone
        (parameters, effect, shown, count) = ([], .change, sql.redacting(secrets), 1)
    }

    /// Changes that are all done or none, however the connection ends.
    init(together changes: [String]) {
        sql = changes.joined(separator: "; ")
        (parameters, effect, shown, secrets, count, isAlone) = ([], .change, sql, [], changes.count, false)
    }

    /// What was tried, as a phrase that fits on a line.
    var attempt: String {
        let text = shown.oneLine
        return "run \(text.count > 160 ? text.prefix(160) + "…" : text)"
    }

    /// Its purpose as text, from the statement's verb and subject.
    var purpose: String {
        let words = shown.oneLine.split(separator: " ").map(String.init)
        guard let verb = words.first?.lowercased() else { return "ask PostgreSQL" }
        guard verb == "select" || verb == "with" else {
            let first = words.prefix(verb == "create" || verb == "alter" || verb == "drop" ? 3 : 2)
                .joined(separator: " ").lowercased()
            return count == 1 ? first : "\(first) and \(count - 1) more, in one transaction"
        }
        let relations = zip(words, words.dropFirst()).filter { ["FROM", "JOIN"].contains($0.0) }
            .compactMap {
                Self.subjects[$0.1.filter { $0.isLetter || "._".contains($0) }.replacing("pg_catalog.", with: "")]
            }
        if relations.isEmpty {
            return words.count == 2 ? "check that PostgreSQL responds" : "inspect the contents of the database"
        }
        return "read " + relations.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }.joined(separator: ", ")
    }

    /// The subjects of PostgreSQL's catalogues.
    private static let subjects = [
        "pg_roles": "roles", "pg_authid": "roles", "pg_auth_members": "memberships of roles",
        "pg_database": "databases",
        "pg_stat_activity": "sessions", "pg_locks": "locks", "pg_extension": "extensions",
        "pg_available_extensions": "extensions", "pg_namespace": "schemas", "pg_tables": "tables", "pg_class": "tables",
        "pg_settings": "settings",
    ]

    func firstMistake() -> String? {
        let hasNUL = sql.utf8.contains(0) || parameters.contains { $0?.utf8.contains(0) == true }
        // C strings end at the first NUL: the rest would be silently dropped.
        return hasNUL ? "the statement or one of its values contains a NUL byte" : nil
    }

    /// The error for a failure of this statement, whose time limit was `limit`: if it is a change that may
    /// have arrived, its outcome is unknown.
    func error(
        _ failure: StatementFailure, attempt: String? = nil, host: String, within limit: TimeLimit, wasSent: Bool = true
    ) -> PostgresError {
        let attempt = attempt ?? self.attempt
        let isUnknown = effect == .change && wasSent
        func gone(_ reason: PostgresError.Reason, cause: String, kind: FailureKind = .unreachable) -> PostgresError {
            PostgresError(
                reason, attempt: attempt, host: host, cause: (wasSent ? "" : "not sent: ") + cause,
                remedy: isUnknown
                    ? PostgresError.lookAgain : "check the server and the network path to it, then resume",
                kind: isUnknown ? .unknownOutcome : kind)
        }
        switch failure {
        case .before(let first):
            return error(first, attempt: attempt, host: host, within: limit, wasSent: false)
        case .notSent(let text) where wasSent:
            return error(.before(.notSent(text)), attempt: attempt, host: host, within: limit)
        case .notSent(let text):
            return gone(.connectionLost, cause: text.redacting(secrets))
        case .server(let answer, let ended):
            if effect == .change, let refusal = SQLFence.refusal(in: answer) {
                return PostgresError(refusal, attempt: attempt, host: host, within: limit)
            }
            return PostgresError(
                answer.redacting(secrets), attempt: attempt, host: host, outcomeUnknown: isUnknown && ended,
                within: limit)
        case .lost(let text):
            return gone(
                .connectionLost, cause: "the connection broke before the answer came: \(text.redacting(secrets))")
        case .deadline:
            return gone(
                .statementDeadline,
                cause: "the server did not answer within \(limit.inWords); the connection was closed")
        case .interrupted:
            return gone(
                .interrupted, cause: "interrupted while waiting for the answer; the connection was closed",
                kind: .failed)
        }
    }
}
