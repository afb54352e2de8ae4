/// What an error of a failed pull means: one case for each kind, the most specific first.
enum PullSymptom: CaseIterable {
    case platform, oldFormat, diskFull, rateLimit, kubeletLimit, plainHTTP, certificateTime,
        certificate
    case names, proxy, unauthorized, forbidden, serverError, brokenOff, network, notFound, unknown

    /// Lower-case texts that only this kind of error contains, apart from the image name.
    var marks: [String] {
        switch self {
        case .platform:
            [
                "no match for platform", "no matching manifest for",
                "does not match the specified platform",
            ]
        case .oldFormat:
            [
                "manifest.v1+prettyjws", "manifest.v1+json", "schema 1", "schema1",
                "unsupported media type",
                "unsupported manifest media type", "media type is not supported",
            ]
        case .diskFull: ["no space left on device", "disk quota exceeded"]
        case .rateLimit:
            ["429 too many requests", "toomanyrequests", "too many requests", "rate limit"]
        case .kubeletLimit: ["pull qps exceeded"]
        case .plainHTTP:
            [
                "server gave http response to https client",
                "first record does not look like a tls handshake",
            ]
        case .certificateTime: ["certificate has expired or is not yet valid"]
        case .certificate: ["x509:", "tls: failed to verify certificate"]
        case .names:
            [
                "no such host", "server misbehaving", "dial tcp: lookup ",
                "temporary failure in name resolution",
            ]
        case .proxy: ["proxyconnect "]
        case .unauthorized:
            [
                "401 unauthorized", "unauthorized", "authentication required",
                "no basic auth credentials",
            ]
        case .forbidden:
            [
                "403 forbidden", "insufficient_scope", "access denied",
                "access to the resource is denied", "denied:",
            ]
        case .serverError:
            [
                "500 internal server error", "502 bad gateway", "503 service unavailable",
                "504 gateway timeout",
                "504 gateway time-out",
            ]
        case .brokenOff:
            [
                "unexpected eof", "connection reset by peer", "failed commit on ref", "short read",
                "unexpected commit digest",
            ]
        case .network:
            [
                "dial tcp", "i/o timeout", "connection refused", "no route to host",
                "network is unreachable",
                "tls handshake", "deadline exceeded", ": eof",
            ]
        case .notFound:
            ["not found", "manifest unknown", "manifest_unknown", "name unknown", "name_unknown"]
        case .unknown: []
        }
    }

    /// The first kind whose marks are in `text`.
    static func first(in text: String, about image: String) -> PullSymptom {
        // A name such as `denied:v1` must not be mistaken for an error.
        let searched = text.replacing(image, with: "").lowercased()
        return allCases.first { symptom in symptom.marks.contains { searched.contains($0) } }
            ?? .unknown
    }

    /// The kind as the code of a problem.
    var code: Problem.Code {
        switch self {
        case .platform: .wrongPlatform
        case .oldFormat: .unsupportedImage
        case .diskFull: .nodeDiskFull
        case .rateLimit, .kubeletLimit: .pullLimited
        case .plainHTTP, .certificateTime, .certificate, .names, .proxy, .serverError, .brokenOff,
            .network:
            .registryUnreachable
        case .unauthorized: .pullUnauthorized
        case .forbidden: .pullForbidden
        case .notFound: .imageNotFound
        case .unknown: .pullFailed
        }
    }

    /// How long it has to last before waiting any longer is pointless.
    var gracePeriod: Duration? {
        switch self {
        case .platform, .oldFormat, .unauthorized, .forbidden, .notFound: GracePeriod.permanent
        case .unknown: GracePeriod.shortage
        // The kubelet retries automatically, at a lower rate.
        case .kubeletLimit: nil
        case .diskFull, .rateLimit, .plainHTTP, .certificateTime, .certificate, .names, .proxy,
            .serverError, .brokenOff, .network:
            GracePeriod.external
        }
    }
}
