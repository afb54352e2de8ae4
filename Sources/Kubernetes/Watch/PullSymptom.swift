/// What containerd's error for a failed pull means: one row for each kind, the most specific first.
enum PullSymptom: CaseIterable {
    case platform, oldFormat, diskFull, rateLimit, kubeletLimit, plainHTTP, certificateTime, certificate
    case names, proxy, unauthorized, forbidden, serverError, brokenOff, network, notFound, unknown

    /// The words that belong to this kind alone, in small letters; the image's own name is not among what is searched.
    var marks: [String] {
        switch self {
        case .platform: ["no match for platform", "no matching manifest for", "does not match the specified platform"]
        case .oldFormat:
            [
                "manifest.v1+prettyjws", "manifest.v1+json", "schema 1", "schema1", "unsupported media type",
                "unsupported manifest media type", "media type is not supported",
            ]
        case .diskFull: ["no space left on device", "disk quota exceeded"]
        case .rateLimit: ["429 too many requests", "toomanyrequests", "too many requests", "rate limit"]
        case .kubeletLimit: ["pull qps exceeded"]
        case .plainHTTP:
            ["server gave http response to https client", "first record does not look like a tls handshake"]
        case .certificateTime: ["certificate has expired or is not yet valid"]
        case .certificate: ["x509:", "tls: failed to verify certificate"]
        case .names:
            ["no such host", "server misbehaving", "dial tcp: lookup ", "temporary failure in name resolution"]
        case .proxy: ["proxyconnect "]
        case .unauthorized:
            ["401 unauthorized", "unauthorized", "authentication required", "no basic auth credentials"]
        case .forbidden:
            ["403 forbidden", "insufficient_scope", "access denied", "access to the resource is denied", "denied:"]
        case .serverError:
            [
                "500 internal server error", "502 bad gateway", "503 service unavailable", "504 gateway timeout",
                "504 gateway time-out",
            ]
        case .brokenOff:
            [
                "unexpected eof", "connection reset by peer", "failed commit on ref", "short read",
                "unexpected commit digest",
            ]
        case .network:
            [
                "dial tcp", "i/o timeout", "connection refused", "no route to host", "network is unreachable",
                "tls handshake", "deadline exceeded", ": eof",
            ]
        case .notFound: ["not found", "manifest unknown", "manifest_unknown", "name unknown", "name_unknown"]
        case .unknown: []
        }
    }

    /// The first kind whose words are in `text`.
    static func first(in text: String, about image: String) -> PullSymptom {
        // A name such as `denied:v1` must not be taken for an answer.
        let searched = text.replacing(image, with: "").lowercased()
        return allCases.first { symptom in symptom.marks.contains { searched.contains($0) } } ?? .unknown
    }

    /// The kind as a code.
    var code: Trouble.Code {
        switch self {
        case .platform: .wrongPlatform
        case .oldFormat: .unsupportedImage
        case .diskFull: .nodeDiskFull
        case .rateLimit, .kubeletLimit: .pullLimited
        case .plainHTTP, .certificateTime, .certificate, .names, .proxy, .serverError, .brokenOff, .network:
            .registryUnreachable
        case .unauthorized: .pullUnauthorized
        case .forbidden: .pullForbidden
        case .notFound: .imageNotFound
        case .unknown: .pullFailed
        }
    }

    /// How long it must last until waiting on is pointless.
    var patience: Duration? {
        switch self {
        case .platform, .oldFormat, .unauthorized, .forbidden, .notFound: Trouble.confirmed
        case .unknown: Trouble.settled
        // The kubelet asks again by itself, and by then has asked less often.
        case .kubeletLimit: nil
        case .diskFull, .rateLimit, .plainHTTP, .certificateTime, .certificate, .names, .proxy, .serverError,
            .brokenOff,
            .network:
            Trouble.stubborn
        }
    }

    /// The kind as the end of a sentence, and what to do about it.
    func told(_ attempt: PullAttempt, node: String, text: String) -> (why: String, remedy: String) {
        let registry = attempt.registry
        let way = "repair the way from \(node) to \(registry): DNS, route or firewall"
        let secrets = attempt.secrets.joined(separator: ", ")
        let login =
            "name a Secret of type kubernetes.io/dockerconfigjson for \(registry) in the pod's imagePullSecrets"
        return switch self {
        case .platform:
            (
                "it has no build for the architecture of \(node)",
                "build and push the image for that architecture too (`kubectl get node \(node) -o wide` and "
                    + "`docker buildx build --platform`), or write an image that has it into the inventory"
            )
        case .oldFormat:
            (
                "it is of a format that the node's container runtime does not take",
                "push the image again with a present docker, buildah or skopeo: schema 1 is no longer supported"
            )
        case .diskFull:
            ("\(node) has no space left for it", "free disk space on \(node): `crictl rmi --prune`, `df -h`")
        case .rateLimit:
            (
                "\(registry) answers 429: too many pulls from this address or account",
                attempt.secrets.isEmpty
                    ? "wait until the limit is over, or \(login)"
                    : "wait until the limit is over, or put an account with a higher limit into Secret \(secrets)"
            )
        case .kubeletLimit:
            ("the kubelet of \(node) limits its own pulls", "wait: it pulls again by itself in a few seconds")
        case .plainHTTP:
            (
                "\(registry) does not speak TLS",
                "serve \(registry) with TLS, or allow plain HTTP for it in the container runtime of \(node)"
            )
        case .certificateTime:
            (
                "the node does not accept the certificate of \(registry): \(cause(text))",
                "renew the certificate of \(registry), or set the clock of \(node) right"
            )
        case .certificate:
            (
                "the node does not trust the certificate of \(registry): \(cause(text))",
                "put the right certificate on \(registry), or its authority on \(node)"
            )
        case .names:
            (
                "the node finds no address of \(registry): \(cause(text))",
                "repair name resolution on \(node): `getent hosts \(registry)` must name an address"
            )
        case .proxy:
            (
                "the node does not reach \(registry) through its proxy: \(cause(text))",
                "see HTTPS_PROXY and NO_PROXY of the container runtime on \(node), and whether the proxy answers"
            )
        case .network: ("the node does not reach \(registry): \(cause(text))", way)
        case .brokenOff:
            ("\(registry) was reached, and the transfer broke off: \(cause(text))", way + ", and proxies in between")
        case .serverError:
            ("\(registry) fails itself: \(cause(text))", "wait until \(registry) is well again; nothing here is wrong")
        case .unauthorized where attempt.isSecretUnread, .forbidden where attempt.isSecretUnread:
            (
                "the kubelet could not read pull Secret \(secrets), tried without it, and \(registry) refused that",
                "see that Secret \(secrets) exists in the pod's namespace; where it does, the kubelet tries again by itself"
            )
        case .unauthorized:
            (
                "\(registry) answered 401 Unauthorized; \(attempt.with)",
                attempt.secrets.isEmpty ? login : "put a valid user and token for \(registry) into Secret \(secrets)"
            )
        case .forbidden:
            (
                "\(registry) denied access to it; \(attempt.with)",
                attempt.secrets.isEmpty
                    ? login : "give the token of that Secret the right to read this package (read:packages on ghcr.io)"
            )
        case .notFound:
            (
                "\(registry) has no such image or tag",
                "push \(attempt.image), or write an image that exists into the inventory"
            )
        case .unknown:
            (text.isEmpty ? "the node does not say why" : text, "try `crictl pull \(attempt.image)` on \(node)")
        }
    }

    /// The end of containerd's chain of errors, where the network's own word stands.
    private func cause(_ text: String) -> String {
        for mark in ["proxyconnect", "dial tcp", "x509:", "tls: "] {
            if let range = text.firstRange(of: mark) { return String(text[range.lowerBound...]) }
        }
        return text.split(separator: ": ").suffix(2).joined(separator: ": ")
    }
}

extension PullAttempt {
    fileprivate var with: String {
        secrets.isEmpty ? "the pod names no pull Secret" : "with pull Secret \(secrets.joined(separator: ", "))"
    }
}
