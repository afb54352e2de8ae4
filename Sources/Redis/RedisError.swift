public import ClientKit

/// What went wrong on the way to a Redis server or on it.
public struct RedisError: ExplainedError {
    /// What to branch on; texts are for people.
    public enum Reason: Sendable, Hashable {
        /// The server answered with an error whose first word is this: `WRONGPASS`, `NOAUTH`, `LOADING`…
        case server(code: String)
        /// The host's name has no address.
        case nameNotFound
        /// No TCP connection came about.
        case cannotConnect
        /// The server did not accept the connection within the connect deadline.
        case connectDeadline
        /// The peer took the TCP connection and closed it before Redis said anything.
        case closedBeforeLogin
        /// TLS was not agreed on, or the certificate is not the right one.
        case tls
        /// The peer speaks something else than TLS.
        case notTLS
        /// The server takes TLS only, and was asked without.
        case wantsTLS
        /// The server was asked with TLS, and speaks plain Redis.
        case wantsNoTLS
        /// The server has no password, and was given one.
        case wantsNoPassword
        /// A replica, which cannot be written to.
        case isReplica
        /// A Sentinel, which holds no data.
        case isSentinel
        /// No Sentinel where one should be.
        case notSentinel
        /// None of the Sentinels answers.
        case noSentinelAnswers
        /// The Sentinels watch no master of that name.
        case masterUnknown
        /// The master is down, or being failed over.
        case masterDown
        /// The address that Sentinels name as the master's does not answer.
        case masterUnreachable
        /// The server that a Sentinel names as the master is none.
        case staleSentinel
        /// A node of a Redis Cluster, which Chatwoot cannot use.
        case isClusterNode
        /// The server still loads its data.
        case isLoading
        /// The peer answered, but not as Redis does.
        case notRedis
        /// The connection broke, or had been broken before, while it was needed.
        case connectionLost
        /// Nothing, or not everything, came back within the command deadline.
        case commandDeadline
        /// The task was cancelled.
        case interrupted
        /// The endpoint cannot be right; nothing was sent.
        case invalidInput
        /// An answer of another type than the command gives.
        case unexpectedAnswer
        /// The server's version is too old.
        case tooOld
        /// The observer could not record the command; where its beginning could not be recorded, it was not sent.
        case notRecorded
    }

    /// What to branch on.
    public let reason: Reason
    /// What was tried.
    public let attempt: String
    /// `address:port`.
    public let host: String?
    /// What came back.
    public let cause: String
    /// What to do next.
    public let remedy: String
    /// Which exit status it leads to.
    public let kind: FailureKind
    /// Whether a Sentinel said it, of itself.
    let isAboutSentinel: Bool

    /// The first word of the server's error, where the server gave one.
    public var code: String? {
        if case .server(let code) = reason { code } else { nil }
    }

    init(
        _ reason: Reason, attempt: String, host: String, cause: String, remedy: String, kind: FailureKind,
        isAboutSentinel: Bool = false
    ) {
        self.reason = reason
        self.attempt = attempt
        self.host = host
        self.cause = cause
        self.remedy = remedy
        self.kind = kind
        self.isAboutSentinel = isAboutSentinel
    }
}

extension RedisError {
    /// An error that the server put into words: `-WRONGPASS invalid username-password pair`.
    init(answer: String, attempt: String, host: String, isLogin: Bool) {
        let code = String(answer.prefix { $0 != " " })
        let (kind, remedy): (FailureKind, String) =
            switch code {
            case "WRONGPASS":
                (.refused, "Correct the Redis password in the credentials file: the server refuses this one.")
            case "NOAUTH":
                (.refused, "Give the Redis password in the credentials file: the server wants one.")
            case "NOPERM":
                (.refused, "Give the Redis user the right for this command and key (ACL SETUSER).")
            case "DENIED":
                (.refused, "Redis is in protected mode: set a password (requirepass) on the server.")
            case "LOADING":
                (.unreachable, "Redis is still loading its data: wait, then resume.")
            case "MASTERDOWN":
                (
                    .unreachable,
                    "This replica has lost its master: bring it back, or point the inventory at the new one."
                )
            case "READONLY":
                (.failed, "This is a replica: point the inventory at the master, or let the load balancer choose it.")
            case "MOVED", "ASK", "CLUSTERDOWN", "CROSSSLOT":
                (.failed, "This is a Redis Cluster, which Sidekiq cannot use: give a plain Redis server.")
            case "MISCONF":
                (.failed, "Redis cannot save to disk: free the disk or mend its rights, and read the Redis log.")
            case "OOM":
                (.failed, "Redis has reached maxmemory: raise it or free keys.")
            case "WRONGTYPE":
                (.failed, "The key holds another type: look who else uses this database number.")
            case "ERR" where isLogin:
                // Before Redis 6 a wrong password was a plain ERR, as was a password where none is set.
                (.refused, "Check the password against requirepass: it may be wrong, or the server may want none.")
            default:
                (.failed, "Read the Redis server's log.")
            }
        self.init(.server(code: code), attempt: attempt, host: host, cause: answer, remedy: remedy, kind: kind)
    }

    /// A command whose answer never came, or was none; a change that may have arrived has an unknown outcome.
    init(_ failure: any Error, command: Command, host: String, hadAnswered: Bool) {
        func make(
            _ reason: Reason, _ cause: String, _ remedy: String, _ kind: FailureKind = .unreachable
        ) -> RedisError {
            let isUnknown = command.effect == .change
            return RedisError(
                reason, attempt: command.attempt, host: host, cause: cause,
                remedy: isUnknown ? "Connect again and look: the server may or may not have done it." : remedy,
                kind: isUnknown ? .unknownOutcome : kind)
        }
        let check = "Check the server and the way to it, then resume."
        switch failure {
        case let violation as RESPViolation:
            self = make(
                .notRedis, violation.text,
                "Check the port: something else than Redis, or Redis with TLS, answers there.", .failed)
        case StreamFailure.deadline:
            self = make(
                .commandDeadline, "no complete answer within the time limit; the connection was given up",
                "Check whether Redis is overloaded or blocked, and that this is not a port that expects TLS.")
        case StreamFailure.interrupted:
            self = make(
                .interrupted, "interrupted while the answer was awaited; the connection was given up",
                "Resume when ready.", .failed)
        case StreamFailure.closed(let text) where !hadAnswered:
            self = make(
                .closedBeforeLogin, "the connection was accepted and closed at once: \(text)",
                "A load balancer without a healthy server does this: check Redis behind it, and its health checks.")
        case StreamFailure.closed(let text):
            self = make(.connectionLost, "the connection broke before the answer came: \(text)", check)
        default:
            self = make(.connectionLost, String(describing: failure), check)
        }
    }

    /// An observer's error, whose kind decides how the run ends.
    init(notRecorded error: any Error, attempt: String, host: String) {
        let explained = error as? any ExplainedError
        self.init(
            .notRecorded, attempt: attempt, host: host, cause: explained?.cause ?? String(describing: error),
            remedy: explained?.remedy ?? "Mend what keeps the record from being written, then resume.",
            kind: explained?.kind ?? .failed)
    }
}

extension String {
    func redacting(_ secrets: [String]) -> String {
        secrets.reduce(self) { $0.replacing($1, with: "•••") }
    }
}
