public import ClientKit

/// What went wrong on the way to a database or in it.
public struct PostgresError: ExplainedError {
    /// What to branch on; texts are for people.
    public enum Reason: Sendable, Hashable {
        /// The server answered with this SQLSTATE.
        case server(sqlState: String)
        /// The host's name has no address.
        case nameNotFound
        /// No TCP connection came about.
        case cannotConnect
        /// The server did not accept the login within the connect deadline.
        case connectDeadline
        /// The peer took the TCP connection and closed it before PostgreSQL said anything.
        case closedBeforeLogin
        /// TLS could not be agreed on, or the certificate is not the right one.
        case tls
        /// The peer answered, but not as PostgreSQL does.
        case notPostgres
        /// The server only reads although one that can be written to is needed.
        case readOnlyServer
        /// The connection broke, or had been broken before, while it was needed.
        case connectionLost
        /// Nothing came back within the statement deadline.
        case statementDeadline
        /// The task was cancelled.
        case interrupted
        /// The endpoint, a name or a value cannot be right; nothing was sent.
        case invalidInput
        /// An answer lacks a column or holds a value of another type.
        case unexpectedAnswer
        /// The server accepted a change, and the catalogue does not show it.
        case notInEffect
        /// The observer could not record the statement; where its beginning could not be recorded, it was not sent.
        case notRecorded
    }

    /// What to branch on.
    public let reason: Reason
    /// What was tried.
    public let attempt: String
    /// `address:port/database`.
    public let host: String?
    /// What came back.
    public let cause: String
    /// What to do next.
    public let remedy: String
    /// Which exit status it leads to.
    public let kind: FailureKind
    /// The server's own words, where it said something.
    public let message: String?
    /// The server's further explanation.
    public let detail: String?
    /// The server's advice.
    public let hint: String?

    /// The SQLSTATE, where the server gave one.
    public var sqlState: String? {
        if case .server(let code) = reason { code } else { nil }
    }

    init(
        _ reason: Reason, attempt: String, host: String?, cause: String, remedy: String, kind: FailureKind,
        message: String? = nil, detail: String? = nil, hint: String? = nil
    ) {
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
    /// An error that the server put into words.
    ///
    /// `outcomeUnknown` is for a change whose connection ended with the error: whether it was done is not known then.
    init(_ answer: ServerMessage, attempt: String, host: String?, outcomeUnknown: Bool = false) {
        let advice = ServerAdvice(sqlState: answer.sqlState)
        let told = [answer.detail, answer.hint].compactMap { $0 }.map { " (\($0))" }.joined()
        self.init(
            .server(sqlState: answer.sqlState), attempt: attempt, host: host,
            cause: "\(advice.meaning.map { "\($0): " } ?? "")\(answer.message)\(told) [\(answer.sqlState)]",
            remedy: outcomeUnknown ? Self.lookAgain : advice.remedy,
            kind: outcomeUnknown ? .unknownOutcome : advice.kind,
            message: answer.message, detail: answer.detail, hint: answer.hint)
    }

    /// An observer's error, whose kind decides how the run ends.
    init(notRecorded error: any Error, attempt: String, host: String?) {
        let explained = error as? any ExplainedError
        self.init(
            .notRecorded, attempt: attempt, host: host, cause: explained?.cause ?? String(describing: error),
            remedy: explained?.remedy ?? "fix what prevents the record from being written, then resume",
            kind: explained?.kind ?? .failed)
    }

    /// Something that cannot be sent as it is.
    init(invalid cause: String, attempt: String, host: String? = nil, remedy: String = "correct the value") {
        self.init(.invalidInput, attempt: attempt, host: host, cause: cause, remedy: remedy, kind: .badInput)
    }

    static let lookAgain =
        "run `runner resume`, which checks before it repeats anything: the server may or may not have done it"
}

/// An error or notice as the server put it.
struct ServerMessage: Sendable, Hashable {
    var sqlState: String
    var message: String
    var detail: String?
    var hint: String?

    /// The same with every one of `secrets` replaced, since servers may quote the statement they complain of.
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
