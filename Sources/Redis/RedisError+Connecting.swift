import ClientKit

/// Failures before a login is accepted.
extension RedisError {
    /// No address to dial.
    init(_ failure: LookUpFailure, attempt: String, host: String) {
        self.init(
            failure == .interrupted ? .interrupted : .nameNotFound, attempt: attempt, host: host,
            cause: failure.cause, remedy: failure.remedy, kind: failure.kind)
    }

    /// No TCP connection within `limit`.
    init(dialling failure: StreamFailure, attempt: String, host: String, within limit: TimeLimit) {
        func make(
            _ reason: Reason, cause: String, remedy: String, kind: FailureKind = .unreachable
        ) -> RedisError {
            RedisError(reason, attempt: attempt, host: host, cause: cause, remedy: remedy, kind: kind)
        }
        self =
            switch failure {
            case .cannotConnect(let text), .closed(let text):
                make(
                    .cannotConnect, cause: text,
                    remedy:
                        "check that Redis (or the load balancer before it) listens there, and that no firewall is in the way"
                )
            case .deadline:
                make(
                    .connectDeadline, cause: "the connection was not accepted within \(limit.inWords)",
                    remedy: "check firewalls and routes to this address")
            case .interrupted:
                make(.interrupted, cause: "interrupted while connecting", remedy: "resume when ready", kind: .failed)
            case .tls(.certificate(let fault, let words)):
                make(
                    .tls, cause: "\(fault.cause(for: host)) (\(words))",
                    remedy: fault.remedy(key: "redis.rootCertificate"), kind: .refused)
            case .tls(.trustUnusable(let words)):
                make(
                    .tls, cause: "the root certificate cannot be used: \(words)",
                    remedy: "name a file of certificates in PEM as redis.rootCertificate in the inventory",
                    kind: .badInput)
            case .tls(.notTLS):
                make(
                    .notTLS, cause: "the server does not speak TLS at this port",
                    remedy: "check the port, and redis.tls in the inventory",
                    kind: .failed)
            case .tls(.refused(let words)):
                make(
                    .tls, cause: "the TLS handshake failed: \(words)", remedy: "check the Redis log for the reason",
                    kind: .failed)
            }
    }

    /// The same failure with the cause of each address.
    func with(cause: String) -> RedisError {
        RedisError(reason, attempt: attempt, host: host ?? "", cause: cause, remedy: remedy, kind: kind)
    }

    /// The same failure with its underlying cause.
    func because(_ reason: Reason) -> RedisError {
        let (cause, remedy): (String, String) =
            switch reason {
            case .wantsTLS:
                (
                    "the server accepts TLS connections only",
                    "set redis.tls to true in the inventory, and redis.rootCertificate to the file of its CA"
                )
            case .wantsNoTLS:
                (
                    "the server speaks plain Redis at this port, without TLS",
                    "set redis.tls to false in the inventory, or use the port with TLS (tls-port)"
                )
            case .wantsNoPassword:
                (
                    "the server requires no password, but one was sent",
                    "remove REDIS_PASSWORD from redis.env, or set the password on the server (requirepass)"
                )
            default: (self.cause, self.remedy)
            }
        return RedisError(
            reason, attempt: attempt, host: host ?? "", cause: cause, remedy: remedy,
            kind: reason == .wantsNoPassword ? .refused : .failed)
    }
}
