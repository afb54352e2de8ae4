import ClientKit

/// kubectl's failure, read from its exit status and its standard error.
///
/// kubectl exits 1 for nearly everything and has no machine-readable form of its errors. What the API server refused carries
/// the API's own reason code in parentheses; only kubectl's own failures have to be told apart by their text.
struct Refusal {
    let code: KubernetesError.Code
    let cause: String
    let remedy: String
    let kind: FailureKind

    init(exitStatus: Int32, errorText: String, kubeconfig: String, host: String) {
        let lines = Self.meaningfulLines(errorText)
        let text =
            lines.isEmpty ? "kubectl ended with status \(exitStatus) and said nothing" : lines.joined(separator: "; ")

        if exitStatus == 127 {
            self.init(
                .kubectlMissing, "there is no kubectl on \(host)",
                "install kubectl on \(host), or take a host out of the master role that is none")
        } else if exitStatus == 126 {
            self.init(
                .kubectlMissing, "kubectl on \(host) cannot be executed: \(text)",
                "make kubectl executable for the SSH user on \(host)")
        } else if let reason = Self.serverReason(in: lines) {
            self.init(serverReason: reason, text: text, kubeconfig: kubeconfig, host: host)
        } else if Self.mentions(
            lines, ["You must be logged in", "the server has asked for the client to provide credentials"])
        {
            self.init(serverReason: .unauthorized, text: text, kubeconfig: kubeconfig, host: host)
        } else if Self.mentions(lines, Self.unreachableMarks) {
            self.init(
                .serverUnreachable, text,
                "see whether kube-apiserver and etcd run on \(host), and whether the server in \(kubeconfig) is right",
                .unreachable)
        } else if Self.mentions(lines, ["no matches for kind", "doesn't have a resource type"]) {
            self.init(
                .unknownKind, text,
                "this API server does not serve that kind in that version; compare `kubectl api-versions` on \(host)")
        } else if Self.mentions(lines, ["stat \(kubeconfig):", "error loading config file", "open \(kubeconfig):"]) {
            self.init(
                .kubeconfig, text,
                "put a usable kubeconfig at \(kubeconfig) on \(host), or name the right place in the inventory")
        } else {
            self.init(.kubectl, text, "run the same kubectl command on \(host) by hand, and mend what it names")
        }
    }

    private init(serverReason reason: ServerReason, text: String, kubeconfig: String, host: String) {
        switch reason {
        case .unauthorized:
            self.init(
                .server(reason), text,
                "put valid credentials into \(kubeconfig) on \(host); the present ones are refused",
                .refused)
        case .forbidden where Self.isAuthorizerRefusal(text):
            self.init(
                .server(reason), text, "give the user of \(kubeconfig) on \(host) the right that the answer names",
                .refused)
        case .forbidden where text.contains("exceeded quota"):
            self.init(.server(reason), text, "raise the ResourceQuota that the answer names, or ask for less")
        case .forbidden where text.contains("being terminated"):
            self.init(
                .server(reason), text,
                "wait until the namespace is gone and run again; `kubectl get namespace NAME -o yaml` names what holds it"
            )
        case .invalid where text.contains("Duplicate value"):
            self.init(
                .server(reason), text,
                "run again: what somebody added to that list is removed then; where the answer stays, two entries of the "
                    + "inventory have one name")
        case _ where text.contains("duplicate entries for key"):
            self.init(
                .server(reason), text,
                "somebody wrote that entry twice, and so the server can apply nothing to the object: remove one of the two "
                    + "with `kubectl edit` on \(host), and run again")
        case .forbidden, .invalid:
            self.init(
                .server(reason), text, "change what the answer names: in the inventory, or the policy that refuses it")
        case .notFound:
            self.init(.server(reason), text, "run again: what the command needs was removed meanwhile")
        case .alreadyExists, .conflict:
            self.init(.server(reason), text, "run again: somebody else changed the object at the same time")
        case .internalError where text.contains("calling webhook"):
            self.init(
                .server(reason), text,
                "bring the webhook's own Service back, or remove its configuration from the cluster")
        case .timeout, .serverTimeout, .serviceUnavailable, .tooManyRequests, .internalError:
            self.init(
                .server(reason), text, "see whether etcd and kube-apiserver are well on the masters, and run again",
                .unreachable)
        case _ where Self.mentions([text], Self.unreachableMarks):
            self.init(
                .server(reason), text, "see whether etcd and kube-apiserver are well on the masters, and run again",
                .unreachable)
        default:
            self.init(.server(reason), text, "run the same kubectl command on \(host) by hand, and mend what it names")
        }
    }

    private init(
        _ code: KubernetesError.Code, _ cause: String, _ remedy: String, _ kind: FailureKind = .failed
    ) {
        self.code = code
        self.cause = cause
        self.remedy = remedy
        self.kind = kind
    }

    /// The words for an API server that does not answer, or that has lost its etcd; they come from Go's network library
    /// and from etcd's client, without a code.
    private static let unreachableMarks = [
        "Unable to connect to the server", "The connection to the server", "connection refused", "no route to host",
        "i/o timeout", "TLS handshake timeout", "context deadline exceeded", "etcdserver:",
        "rpc error: code = Unavailable", "unexpected EOF",
        "the server is currently unable to handle the request",
    ]

    private static func mentions(_ lines: [String], _ marks: [String]) -> Bool {
        lines.contains { line in marks.contains { line.contains($0) } }
    }

    /// The parenthesised code of the first `Error from server (NotFound): …`; empty where the server gave no code.
    private static func serverReason(in lines: [String]) -> ServerReason? {
        for line in lines {
            // The one refusal that kubectl words itself.
            if line.hasPrefix("The "), line.contains("\" is invalid") { return .invalid }
            guard let range = line.firstRange(of: "rror from server") else { continue }
            let rest = line[range.upperBound...]
            guard rest.hasPrefix(" ("), let end = rest.firstIndex(of: ")") else { return ServerReason(rawValue: "") }
            return ServerReason(rawValue: String(rest[rest.index(rest.startIndex, offsetBy: 2)..<end]))
        }
        return nil
    }

    /// RBAC, quotas and admission all answer `Forbidden`; this is the wording of the authorizer alone.
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
