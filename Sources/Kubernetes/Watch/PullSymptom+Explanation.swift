extension PullSymptom {
    /// The cause of a failed pull, as the end of a sentence, and what to do about it.
    struct Explanation {
        let cause: String
        let remedy: String
    }

    /// Explains a failed pull on `node`, whose error is `text`.
    func explanation(of attempt: PullAttempt, on node: String, text: String) -> Explanation {
        switch self {
        case .unauthorized, .forbidden: refusal(of: attempt)
        case .plainHTTP, .certificateTime, .certificate, .names, .proxy, .network, .brokenOff:
            connectionFailure(to: attempt.registry, from: node, text: text)
        default: otherFailure(of: attempt, on: node, text: text)
        }
    }

    private func refusal(of attempt: PullAttempt) -> Explanation {
        let registry = attempt.registry
        let secrets = attempt.secrets.joined(separator: ", ")
        guard !attempt.isSecretUnread else {
            return Explanation(
                cause: "the kubelet could not read pull Secret \(secrets) and tried without it, "
                    + "which \(registry) refused",
                remedy: "check that Secret \(secrets) exists in the pod's namespace; "
                    + "if it does, the kubelet retries automatically")
        }
        let used =
            attempt.secrets.isEmpty ? "the pod has no pull Secret" : "with pull Secret \(secrets)"
        let isUnauthorized = self == .unauthorized
        let answer =
            isUnauthorized
            ? "\(registry) answered 401 Unauthorized" : "\(registry) denied access to it"
        let remedy =
            if attempt.secrets.isEmpty {
                attempt.addingSecret
            } else if isUnauthorized {
                "put a valid user and token for \(registry) into Secret \(secrets)"
            } else {
                "grant the token in that Secret read access to this package "
                    + "(read:packages on ghcr.io)"
            }
        return Explanation(cause: "\(answer); \(used)", remedy: remedy)
    }

    private func connectionFailure(
        to registry: String, from node: String, text: String
    ) -> Explanation {
        let cause = rootCause(in: text)
        let connection = "fix the connection from \(node) to \(registry): DNS, routing or firewall"
        return switch self {
        case .plainHTTP:
            Explanation(
                cause: "\(registry) does not speak TLS",
                remedy: "serve \(registry) with TLS, "
                    + "or allow plain HTTP for it in the container runtime of \(node)")
        case .certificateTime:
            Explanation(
                cause: "the certificate of \(registry) is not valid now: \(cause)",
                remedy: "renew the certificate of \(registry), or correct the clock of \(node)")
        case .certificate:
            Explanation(
                cause: "the node does not trust the certificate of \(registry): \(cause)",
                remedy: "install the right certificate on \(registry), or its CA on \(node)")
        case .names:
            Explanation(
                cause: "the node cannot resolve \(registry): \(cause)",
                remedy: "fix name resolution on \(node): `getent hosts \(registry)` "
                    + "must print an address")
        case .proxy:
            Explanation(
                cause: "the node cannot reach \(registry) through its proxy: \(cause)",
                remedy: "check HTTPS_PROXY and NO_PROXY of the container runtime on \(node), "
                    + "and that the proxy responds")
        case .brokenOff:
            Explanation(
                cause: "the transfer from \(registry) was interrupted: \(cause)",
                remedy: connection + ", and any proxies in between")
        default:
            Explanation(cause: "the node cannot reach \(registry): \(cause)", remedy: connection)
        }
    }

    private func otherFailure(
        of attempt: PullAttempt, on node: String, text: String
    ) -> Explanation {
        let registry = attempt.registry
        return switch self {
        case .platform:
            Explanation(
                cause: "it has no build for the architecture of \(node)",
                remedy: "build and push the image for that architecture too "
                    + "(`kubectl get node \(node) -o wide`, `docker buildx build --platform`), "
                    + "or use an image that has one in the inventory")
        case .oldFormat:
            Explanation(
                cause: "the node's container runtime does not support its format",
                remedy: "push the image again with a current docker, buildah or skopeo: "
                    + "schema 1 is no longer supported")
        case .diskFull:
            Explanation(
                cause: "\(node) has no disk space left",
                remedy: "free disk space on \(node): `crictl rmi --prune`, `df -h`")
        case .rateLimit:
            Explanation(
                cause: "\(registry) answered 429: too many pulls from this address or account",
                remedy: "wait until the limit is reset, or "
                    + (attempt.secrets.isEmpty
                        ? attempt.addingSecret
                        : "put an account with a higher limit into Secret "
                            + attempt.secrets.joined(separator: ", ")))
        case .kubeletLimit:
            Explanation(
                cause: "the kubelet of \(node) limits its own pulls",
                remedy: "wait: it retries automatically within seconds")
        case .serverError:
            Explanation(
                cause: "\(registry) responds with an error: \(rootCause(in: text))",
                remedy: "wait until \(registry) has recovered: the error is on its side")
        case .notFound:
            Explanation(
                cause: "\(registry) has no such image or tag",
                remedy: "push \(attempt.image), or use an existing image in the inventory")
        default:
            Explanation(
                cause: text.isEmpty ? "the node does not report why" : text,
                remedy: "try `crictl pull \(attempt.image)` on \(node)")
        }
    }

    /// The end of containerd's chain of errors, where the network's own error is.
    private func rootCause(in text: String) -> String {
        for mark in ["proxyconnect", "dial tcp", "x509:", "tls: "] {
            if let range = text.firstRange(of: mark) { return String(text[range.lowerBound...]) }
        }
        return text.split(separator: ": ").suffix(2).joined(separator: ": ")
    }
}

extension PullAttempt {
    /// What to do where the pod has no Secret.
    fileprivate var addingSecret: String {
        "add a Secret of type kubernetes.io/dockerconfigjson for \(registry) "
            + "to the pod's imagePullSecrets"
    }
}
