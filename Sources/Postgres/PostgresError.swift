public import ClientKit

/// A failure to reach a database, or of a statement in it.
public struct PostgresError: ExplainedError {
    /// The reason as a code: branch on this, since texts are for people.
    public enum Reason: Sendable, Hashable {
        /// The server answered with this SQLSTATE.
        case server(sqlState: String)
        /// The host's name has no address.
        case nameNotFound
        /// No TCP connection could be established.
        case cannotConnect
        /// The server did not accept the login within the connect deadline.
        case connectDeadline
        /// The peer accepted the TCP connection and closed it before PostgreSQL sent anything.
        case closedBeforeLogin
        /// The TLS handshake failed, or the certificate is wrong.
        case tls
        /// The peer answered, but not in PostgreSQL's protocol.
        case notPostgres
        /// The server is read-only, where one that accepts writes is required.
        case readOnlyServer
        /// The connection broke, or was already broken.
        case connectionLost
        /// No answer arrived within the statement deadline.
        case statementDeadline
        /// The task was cancelled.
        case interrupted
        /// The endpoint, a name or a value is invalid; nothing was sent.
        case invalidInput
        /// An answer lacks a column, or has a value of another type.
        case unexpectedAnswer
        /// The server accepted a change, but the catalogue does not show it.
        case notInEffect
        /// The server refused a change of a run that does not have its module any more, or not yet.
        case fenced
        /// The observer could not record the statement; if its start could not be recorded, it was
        /// not sent.
        case notRecorded
    }

    /// The reason as a code.
    public let reason: Reason
    /// What was tried.
    public let attempt: String
    /// `address:port/database`.
    public let host: String?
    /// What came back.
    public let cause: String
    /// What to do next.
    public let remedy: String
    /// Determines the runner's exit status.
    public let kind: FailureKind
    /// The server's own message, if it sent one.
    public let message: String?
    /// The server's DETAIL.
    public let detail: String?
    /// The server's HINT.
    public let hint: String?
    /// What must end before a change can begin, if that is why it was refused.
    let obstruction: Obstruction?

    /// The SQLSTATE, if the server sent one.
    public var sqlState: String? {
        if case .server(let code) = reason { code } else { nil }
    }

    init(
        _ reason: Reason, attempt: String, host: String?, cause: String, remedy: String, kind: FailureKind,
        message: String? = nil, detail: String? = nil, hint: String? = nil, obstruction: Obstruction? = nil
    ) {
        self.obstruction = obstruction
        self.reason = reason
        self.attempt = attempt
        self.host = host
        self.cause = cause
        self.remedy = remedy
        self.kind = kind
        self.message = message
        self.detail = detail
        self.hint = hint
    }
}

extension PostgresError {
    /// An error that the server reported.
    ///
    /// `outcomeUnknown` is for a change whose connection ended with the error: it may or may not
    /// have been made. `limit` is that of a statement.
    init(
        _ answer: ServerMessage, attempt: String, host: String?, outcomeUnknown: Bool = false,
        within limit: TimeLimit? = nil
    ) {
        let advice = ServerAdvice(sqlState: answer.sqlState, within: limit)
        let told = [answer.detail, answer.hint].compactMap { $0 }.map { " (\($0))" }.joined()
        self.init(
            .server(sqlState: answer.sqlState), attempt: attempt, host: host,
            cause: "\(advice.meaning.map { "\($0): " } ?? "")\(answer.message)\(told) [\(answer.sqlState)]",
            remedy: outcomeUnknown ? Self.lookAgain : advice.remedy,
            kind: outcomeUnknown ? .unknownOutcome : advice.kind,
            message: answer.message, detail: answer.detail, hint: answer.hint)
    }

    /// The observer did not let it begin.
    init(refused error: any Error, as reason: Reason = .notRecorded, attempt: String, host: String?) {
        let refusal = ObserverRefusal(error)
        self.init(
            reason, attempt: attempt, host: host, cause: "nothing was sent: \(refusal.cause)",
            remedy: refusal.remedy, kind: refusal.kind)
    }

    /// The observer could not record the end; its error's kind decides how the run ends.
    init(notRecorded error: any Error, attempt: String, host: String?) {
        let explained = error as? any ExplainedError
        self.init(
            .notRecorded, attempt: attempt, host: host, cause: explained?.cause ?? String(describing: error),
            remedy: explained?.remedy ?? "fix what prevents the record from being written, then resume",
            kind: explained?.kind ?? .failed)
    }

    /// Input that cannot be sent.
    init(invalid cause: String, attempt: String, host: String? = nil, remedy: String = "correct the value") {
        self.init(.invalidInput, attempt: attempt, host: host, cause: cause, remedy: remedy, kind: .badInput)
    }

    static let lookAgain =
        "run `runner resume`, which checks before it repeats anything: the server may or may not have done it"
}

/// An error or notice from the server.
struct ServerMessage: Sendable, Hashable {
    var sqlState: String
    var message: String
    var detail: String?
    var hint: String?

    /// The same message with all `secrets` replaced, since servers may quote the statement.
    func redacting(_ secrets: [String]) -> ServerMessage {
        ServerMessage(
            sqlState: sqlState, message: message.redacting(secrets), detail: detail?.redacting(secrets),
            hint: hint?.redacting(secrets))
    }
}

extension String {
    func redacting(_ secrets: [String]) -> String {
        secrets.reduce(self) { $0.replacing($1, with: "•••") }
    }
}
