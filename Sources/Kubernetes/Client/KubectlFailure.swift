import ClientKit

/// What a failed kubectl command means, read from its exit status and its standard error.
///
/// kubectl exits with 1 for nearly everything and has no machine-readable form of its errors. What
/// the API server refused carries the API's own reason in parentheses; only kubectl's own failures
/// can only be distinguished by their text.
struct KubectlFailure {
    let code: KubernetesError.Code
    let cause: String
    let remedy: String
    let kind: FailureKind

    /// `limit` is what each request could take.
    init(exitStatus: Int32, errorText: String, kubeconfig: String, host: String, within limit: TimeLimit) {
        let lines = Self.meaningfulLines(errorText)
        let said =
            lines.isEmpty
            ? "kubectl exited with status \(exitStatus) and printed nothing"
            : lines.joined(separator: "; ")
        let text =
            said.contains(anyOf: Self.lateMarks) ? "\(said); a request may take \(limit.inWords)" : said
        func mentions(_ marks: String...) -> Bool { text.contains(anyOf: marks) }

        if exitStatus == 127 {
            self.init(
                code: .kubectlMissing, cause: "there is no kubectl on \(host)",
                remedy: "install kubectl on \(host), "
                    + "or remove the master role from the host if it is not a master")
        } else if exitStatus == 126 {
            self.init(
                code: .kubectlMissing, cause: "kubectl on \(host) cannot be executed: \(text)",
                remedy: "make kubectl executable for the SSH user on \(host)")
        } else if let reason = Self.serverReason(in: lines) {
            self.init(serverReason: reason, text: text, kubeconfig: kubeconfig, host: host)
        } else if mentions(
            "You must be logged in", "the server has asked for the client to provide credentials")
        {
            self.init(serverReason: .unauthorized, text: text, kubeconfig: kubeconfig, host: host)
        } else if text.contains(anyOf: Self.unreachableMarks) {
            self.init(
                code: .serverUnreachable, cause: text,
                remedy: "check that kube-apiserver and etcd are running on \(host) "
                    + "and that the server address in \(kubeconfig) is correct",
                kind: .unreachable)
        } else if mentions("no matches for kind", "doesn't have a resource type") {
            self.init(
                code: .unknownKind, cause: text,
                remedy: "compare with `kubectl api-versions` on \(host): "
                    + "this API server does not serve that kind in that version")
        } else if mentions(
            "stat \(kubeconfig):", "error loading config file", "open \(kubeconfig):")
        {
            self.init(
                code: .kubeconfig, cause: text,
                remedy: "put a valid kubeconfig at \(kubeconfig) on \(host), "
                    + "or correct its path in the inventory")
        } else {
            self.init(code: .kubectl, cause: text, remedy: Self.tryByHand(on: host))
        }
    }

    private init(serverReason reason: ServerReason, text: String, kubeconfig: String, host: String) {
        func failure(_ remedy: String, kind: FailureKind = .failed) -> KubectlFailure {
            KubectlFailure(code: .server(reason), cause: text, remedy: remedy, kind: kind)
        }
        let checkControlPlane =
            "check that etcd and kube-apiserver are healthy on the masters, then run again"
        self =
            switch reason {
            case .unauthorized:
                failure(
                    "put valid credentials into \(kubeconfig) on \(host): "
                        + "the current ones are rejected",
                    kind: .refused)
            case .forbidden where Self.isAuthorizerRefusal(text):
                failure(
                    "grant the user of \(kubeconfig) on \(host) the permission named in the answer",
                    kind: .refused)
            case .forbidden where text.contains("exceeded quota"):
                failure("raise the ResourceQuota named in the answer, or request less")
            case .forbidden where text.contains("being terminated"):
                failure(
                    "wait until the namespace is gone, then run again; "
                        + "`kubectl get namespace NAME -o yaml` shows what blocks its deletion")
            case .invalid where text.contains("Duplicate value"):
                failure(
                    "run again, which removes what somebody else added to that list; "
                        + "if the error persists, "
                        + "rename one of the two inventory entries that share a name")
            case _ where text.contains("duplicate entries for key"):
                failure(
                    "remove one of the duplicate entries with `kubectl edit` on \(host), "
                        + "then run again: the server cannot apply anything to an object "
                        + "that has the same entry twice"
                )
            case .forbidden, .invalid:
                failure(
                    "change what the answer names: "
                        + "in the inventory, or in the policy that refuses it"
                )
            case .notFound:
                failure("run again: something that the command needs was removed in the meantime")
            case .alreadyExists, .conflict:
                failure("run again: somebody else changed the object at the same time")
            case .internalError where text.contains("calling webhook"):
                failure("bring the webhook's Service back up, or delete its webhook configuration")
            case .timeout, .serverTimeout, .serviceUnavailable, .tooManyRequests, .internalError:
                failure(checkControlPlane, kind: .unreachable)
            case _ where text.contains(anyOf: Self.unreachableMarks):
                failure(checkControlPlane, kind: .unreachable)
            default:
                failure(Self.tryByHand(on: host))
            }
    }

    private init(
        code: KubernetesError.Code, cause: String, remedy: String, kind: FailureKind = .failed
    ) {
        self.code = code
        self.cause = cause
        self.remedy = remedy
        self.kind = kind
    }

    private static func tryByHand(on host: String) -> String {
        "run the same kubectl command on \(host) by hand, and fix what it reports"
    }

    /// How an API server that does not answer, or has lost its etcd, is reported: by Go's network
    /// library and by etcd's client, without a code.
    private static let unreachableMarks = [
        "Unable to connect to the server", "The connection to the server", "connection refused",
        "no route to host", "i/o timeout", "TLS handshake timeout", "context deadline exceeded",
        "Client.Timeout exceeded", "connection reset by peer", "etcdserver:",
        "rpc error: code = Unavailable", "unexpected EOF",
        "the server is currently unable to handle the request",
    ]

    /// How kubectl and the API server report that the request's own time limit ended it.
    private static let lateMarks = [
        "Client.Timeout exceeded", "context deadline exceeded",
        "request did not complete within the allotted timeout",
    ]

    /// The reason in parentheses of the first `Error from server (NotFound): …`; empty where the
    /// server gave none.
    private static func serverReason(in lines: [String]) -> ServerReason? {
        for line in lines {
            // The one refusal that kubectl words itself.
            if line.hasPrefix("The "), line.contains("\" is invalid") { return .invalid }
            guard let range = line.firstRange(of: "rror from server") else { continue }
            let rest = line[range.upperBound...]
            guard rest.hasPrefix(" ("), let end = rest.firstIndex(of: ")") else {
                return ServerReason(rawValue: "")
            }
            return ServerReason(
                rawValue: String(rest[rest.index(rest.startIndex, offsetBy: 2)..<end]))
        }
        return nil
    }

    /// RBAC, quotas and admission all answer `Forbidden`; this is the wording of the authorizer
    /// alone.
    private static func isAuthorizerRefusal(_ text: String) -> Bool {
        text.contains("User \"") && text.contains(" cannot ")
    }

    /// Standard error without klog's lines (`E1124 09:05:40.8 …`), warnings and repetitions.
    private static func meaningfulLines(_ text: String) -> [String] {
        var seen: Set<String> = []
        return text.split(whereSeparator: \.isNewline).map(String.init).filter { line in
            !isLogLine(line) && !line.hasPrefix("Warning:") && seen.insert(line).inserted
        }
    }

    private static func isLogLine(_ line: String) -> Bool {
        let bytes = Array(line.utf8.prefix(6))
        return bytes.count == 6 && "EWIF".utf8.contains(bytes[0])
            && bytes[1...4].allSatisfy { (0x30...0x39).contains($0) }
            && bytes[5] == 0x20
    }
}

extension String {
    fileprivate func contains(anyOf marks: [String]) -> Bool {
        marks.contains { contains($0) }
    }
}
