import ClientKit

/// One SQL statement, and what of it may be shown.
struct Statement {
    let sql: String
    let parameters: [String?]
    let effect: Effect
    /// The text for records and errors: `sql`, or the same without what ``secrets`` holds.
    let shown: String
    /// What no record may hold.
    let secrets: [String]

    init(_ sql: String, _ parameters: [String?] = [], effect: Effect, secrets: [String] = []) {
        self.sql = sql
        self.parameters = parameters
        self.effect = effect
        self.shown = sql.redacting(secrets)
        self.secrets = secrets
    }

    /// What was tried, as a phrase that fits on a line.
    var attempt: String {
        let text = shown.oneLine
        return "run \(text.count > 160 ? text.prefix(160) + "…" : text)"
    }

    /// What it is for, in words: by the statement's verb and what it is about.
    var purpose: String {
        let words = shown.oneLine.split(separator: " ").map(String.init)
        guard let verb = words.first?.lowercased() else { return "ask PostgreSQL" }
        guard verb == "select" || verb == "with" else {
            return words.prefix(verb == "create" || verb == "alter" || verb == "drop" ? 3 : 2)
                .joined(separator: " ").lowercased()
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

    /// What PostgreSQL's catalogues list.
    private static let subjects = [
        "pg_roles": "roles", "pg_authid": "roles", "pg_auth_members": "memberships of roles",
        "pg_database": "databases",
        "pg_stat_activity": "sessions", "pg_locks": "locks", "pg_extension": "extensions",
        "pg_available_extensions": "extensions", "pg_namespace": "schemas", "pg_tables": "tables", "pg_class": "tables",
        "pg_settings": "settings",
    ]

    func firstMistake() -> String? {
        let hasNUL = sql.utf8.contains(0) || parameters.contains { $0?.utf8.contains(0) == true }
        // C strings end at the first NUL, so that the rest would be cut off silently.
        return hasNUL ? "the statement or one of its values contains a NUL byte" : nil
    }

    /// What a failure means for this statement, which had this `limit`: a change that may have arrived has an
    /// unknown outcome.
    func error(
        _ failure: StatementFailure, attempt: String? = nil, host: String, within limit: Duration
    ) -> PostgresError {
        let attempt = attempt ?? self.attempt
        let isChange = effect == .change
        func gone(
            _ reason: PostgresError.Reason, cause: String, wasSent: Bool = true,
            kind: FailureKind = .unreachable
        ) -> PostgresError {
            let isUnknown = isChange && wasSent
            return PostgresError(
                reason, attempt: attempt, host: host, cause: cause,
                remedy: isUnknown
                    ? PostgresError.lookAgain : "check the server and the network path to it, then resume",
                kind: isUnknown ? .unknownOutcome : kind)
        }
        switch failure {
        case .server(let answer, let ended):
            return PostgresError(
                answer.redacting(secrets), attempt: attempt, host: host, outcomeUnknown: isChange && ended)
        case .notSent(let text):
            return gone(.connectionLost, cause: "not sent: \(text.redacting(secrets))", wasSent: false)
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
