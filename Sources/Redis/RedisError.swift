public import ClientKit

/// A failure to reach a Redis server, or of a command on it.
public struct RedisError: ExplainedError {
    /// The reason as a code: branch on this, since texts are for people.
    public enum Reason: Sendable, Hashable {
        /// The server answered with an error whose first word is this: `WRONGPASS`, `NOAUTH`,
        /// `LOADING`…
        case server(code: String)
        /// The host's name has no address.
        case nameNotFound
        /// No TCP connection could be established.
        case cannotConnect
        /// The server did not accept the connection within the connect deadline.
        case connectDeadline
        /// The peer accepted the TCP connection and closed it before Redis sent anything.
        case closedBeforeLogin
        /// The TLS handshake failed, or the certificate is wrong.
        case tls
        /// The peer does not speak TLS.
        case notTLS
        /// The server accepts only TLS, and the connection was without.
        case wantsTLS
        /// The connection was with TLS, and the server speaks plain Redis.
        case wantsNoTLS
        /// The server requires no password, but one was sent.
        case wantsNoPassword
        /// The server is a replica, which is read-only.
        case isReplica
        /// The server is a Sentinel, which has no data.
        case isSentinel
        /// The server is not a Sentinel, where one was expected.
        case notSentinel
        /// No Sentinel responds.
        case noSentinelAnswers
        /// The Sentinels monitor no master of that name.
        case masterUnknown
        /// The master is down, or being failed over.
        case masterDown
        /// The address that the Sentinels name for the master does not respond.
        case masterUnreachable
        /// The server that a Sentinel names as the master is not one.
        case staleSentinel
        /// A node of a Redis Cluster, for which the applications have no client.
        case isClusterNode
        /// The server is still loading its data.
        case isLoading
        /// The peer answered, but not in the Redis protocol.
        case notRedis
        /// The connection broke, or was already broken.
        case connectionLost
        /// No complete answer arrived within the command deadline.
        case commandDeadline
        /// The task was cancelled.
        case interrupted
        /// The endpoint is invalid; nothing was sent.
        case invalidInput
        /// The answer has another type than this command returns.
        case unexpectedAnswer
        /// The server's version is too old.
        case tooOld
        /// The observer could not record the command; if its start could not be recorded, it was
        /// not sent.
        case notRecorded
    }

    /// The reason as a code.
    public let reason: Reason
    /// What was tried.
    public let attempt: String
    /// `address:port`.
    public let host: String?
    /// What came back.
    public let cause: String
    /// What to do next.
    public let remedy: String
    /// Determines the runner's exit status.
    public let kind: FailureKind
    /// Whether it is about the Sentinel itself.
    let isAboutSentinel: Bool

    /// The first word of the server's error, if it sent one.
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
    /// An error that the server reported: `-WRONGPASS invalid username-password pair`.
    init(answer: String, attempt: String, host: String, isLogin: Bool) {
        let code = String(answer.prefix { $0 != " " })
        let (kind, remedy): (FailureKind, String) =
            switch code {
            case "WRONGPASS":
                (.refused, "correct the Redis password in the credentials file: the server rejects this one")
            case "NOAUTH":
                (.refused, "add the Redis password to the credentials file: the server requires one")
            case "NOPERM":
                (.refused, "grant the Redis user this command and key (ACL SETUSER)")
            case "DENIED":
                (.refused, "set a password (requirepass) on the server: Redis is in protected mode")
            case "LOADING":
                (.unreachable, "wait until Redis has loaded its data, then resume")
            case "MASTERDOWN":
                (
                    .unreachable,
                    "bring back the master that this replica has lost, or point the inventory at the new one"
                )
            case "READONLY":
                (.failed, "point the inventory at the master, or make the load balancer select it: this is a replica")
            case "MOVED", "ASK", "CLUSTERDOWN", "CROSSSLOT":
                (.failed, "use a Redis server with cluster-enabled no: this is a node of a Redis Cluster")
            case "MISCONF":
                (.failed, "free disk space or fix its permissions, and check the Redis log: Redis cannot save to disk")
            case "OOM":
                (.failed, "raise maxmemory or delete keys: Redis has reached that limit")
            case "TOOLATE":
                (.busy, Fence.remedy + "; if there is none, check whether the server's clock was set")
            case "WRONGTYPE":
                (.failed, "check who else uses this database number: the key has another type")
            case "ERR" where isLogin:
                // Before Redis 6 a wrong password was a plain ERR, as was a password where none is
                // set.
                (.refused, "check the password against requirepass: it may be wrong, or the server may require none")
            default:
                (.failed, "check the Redis server's log")
            }
        let cause = code == "TOOLATE" ? Fence.tooLate(for: "the server") : answer
        self.init(.server(code: code), attempt: attempt, host: host, cause: cause, remedy: remedy, kind: kind)
    }

    /// A command without a valid answer within `limit`; if it was a change that may have arrived,
    /// its outcome is unknown.
    init(
        _ failure: any Error, command: Command, host: String, hadAnswered: Bool, within limit: TimeLimit
    ) {
        func make(
            _ reason: Reason, cause: String, remedy: String, kind: FailureKind = .unreachable
        ) -> RedisError {
            let isUnknown = command.effect == .change
            return RedisError(
                reason, attempt: command.attempt, host: host, cause: cause,
                remedy: isUnknown
                    ? "run `runner resume`, which checks before it repeats anything: "
                        + "the server may or may not have done it" : remedy,
                kind: isUnknown ? .unknownOutcome : kind)
        }
        let check = "check the server and the network path to it, then resume"
        switch failure {
        case let violation as RESPViolation:
            self = make(
                .notRedis, cause: violation.text,
                remedy: "check the port: something other than Redis, or Redis with TLS, answers there", kind: .failed)
        case StreamFailure.deadline:
            self = make(
                .commandDeadline, cause: "no complete answer within \(limit.inWords); the connection was closed",
                remedy: "check whether Redis is overloaded or blocked, and that this is not a port that expects TLS")
        case StreamFailure.interrupted:
            self = make(
                .interrupted, cause: "interrupted while waiting for the answer; the connection was closed",
                remedy: "resume when ready", kind: .failed)
        case StreamFailure.closed(let text) where !hadAnswered:
            self = make(
                .closedBeforeLogin, cause: "the connection was accepted and closed at once: \(text)",
                remedy: "check Redis behind the load balancer, and its health checks: "
                    + "it closes connections like this when no server is healthy")
        case StreamFailure.closed(let text):
            self = make(.connectionLost, cause: "the connection broke before the answer came: \(text)", remedy: check)
        default:
            self = make(.connectionLost, cause: String(describing: failure), remedy: check)
        }
    }

    /// The observer did not let it begin.
    init(refused error: any Error, attempt: String, host: String) {
        let refusal = ObserverRefusal(error)
        self.init(
            .notRecorded, attempt: attempt, host: host, cause: "nothing was sent: \(refusal.cause)",
            remedy: refusal.remedy, kind: refusal.kind)
    }

    /// The observer could not record the end; its error's kind decides how the run ends.
    init(notRecorded error: any Error, attempt: String, host: String) {
        let explained = error as? any ExplainedError
        self.init(
            .notRecorded, attempt: attempt, host: host, cause: explained?.cause ?? String(describing: error),
            remedy: explained?.remedy ?? "fix what prevents the record from being written, then resume",
            kind: explained?.kind ?? .failed)
    }
}

extension String {
    func redacting(_ secrets: [String]) -> String {
        secrets.reduce(self) { $0.replacing($1, with: "•••") }
    }
}
