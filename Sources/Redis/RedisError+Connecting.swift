import ClientKit

/// Failures before the server has let anybody in.
extension RedisError {
    /// No TCP connection; `failure` is `nil` where there was no address to dial.
    init(dialling failure: StreamFailure?, attempt: String, host: String) {
        func make(
            _ reason: Reason, _ cause: String, _ remedy: String, _ kind: FailureKind = .unreachable
        ) -> RedisError {
            RedisError(reason, attempt: attempt, host: host, cause: cause, remedy: remedy, kind: kind)
        }
        self =
            switch failure {
            case nil:
                make(
                    .nameNotFound, "the host's name has no address, or no resolver answered in time",
                    "Correct the host in the inventory, or mend name resolution on this machine.")
            case .cannotConnect(let text), .closed(let text):
                make(
                    .cannotConnect, text,
                    "Check that Redis (or the load balancer before it) listens there, and that no firewall is in the way."
                )
            case .deadline:
                make(
                    .connectDeadline, "nobody accepted the connection within the connect deadline",
                    "Check firewalls and routes to this address: packets may vanish.")
            case .interrupted:
                make(.interrupted, "interrupted while connecting", "Resume when ready.", .failed)
            case .tls(.certificate(let fault, let words)):
                make(
                    .tls, "\(fault.cause(for: host)) (\(words))", fault.remedy(key: "redis.rootCertificate"), .refused)
            case .tls(.trustUnusable(let words)):
                make(
                    .tls, "the root certificate cannot be used: \(words)",
                    "Name a file of certificates in PEM as redis.rootCertificate in the inventory.", .badInput)
            case .tls(.notTLS):
                make(.notTLS, "what answers is not TLS", "Check the port, and redis.tls in the inventory.", .failed)
            case .tls(.refused(let words)):
                make(.tls, "TLS was not agreed on: \(words)", "Look into the log of Redis for its reason.", .failed)
            }
    }

    /// The same failure with the cause behind it.
    func because(_ reason: Reason) -> RedisError {
        let (cause, remedy): (String, String) =
            switch reason {
            case .wantsTLS:
                (
                    "the server takes connections with TLS only",
                    "Set redis.tls to true in the inventory, and redis.rootCertificate to its authority's file."
                )
            case .wantsNoTLS:
                (
                    "the server speaks plain Redis at this port, without TLS",
                    "Set redis.tls to false in the inventory, or give the port with TLS (tls-port)."
                )
            case .wantsNoPassword:
                (
                    "the server wants no password, and was given one",
                    "Remove REDIS_PASSWORD from redis.env, or set the password on the server (requirepass)."
                )
            default: (self.cause, self.remedy)
            }
        return RedisError(
            reason, attempt: attempt, host: host ?? "", cause: cause, remedy: remedy,
            kind: reason == .wantsNoPassword ? .refused : .failed)
    }
}
