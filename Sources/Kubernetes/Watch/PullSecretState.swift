import ClientKit
import Foundation

/// Whether a pull Secret can be used for a registry.
enum PullSecretState: Hashable {
    case missing
    case wrongType(String)
    case unreadable
    case otherRegistries([String])
    case fits(user: String?, token: Secret?)

    init(_ object: JSONValue?, registry: String) {
        guard let object else {
            self = .missing
            return
        }
        guard object["type"]?.string == "kubernetes.io/dockerconfigjson" else {
            self = .wrongType(object["type"]?.string ?? "none")
            return
        }
        guard let encoded = object["data", ".dockerconfigjson"]?.string,
            let bytes = Data(base64Encoded: encoded),
            let auths = Self.parsed([UInt8](bytes))?["auths"]?.members
        else {
            self = .unreadable
            return
        }
        guard let entry = auths.first(where: { Self.host(of: $0.key) == registry })?.value else {
            self = .otherRegistries(auths.keys.sorted())
            return
        }
        let pair = Self.pair(in: entry["auth"]?.string)
        self = .fits(
            user: entry["username"]?.string ?? pair?.user,
            token: entry["password"]?.string.map { Secret($0) } ?? pair?.token)
    }

    /// What is wrong with it, as the end of a sentence; `nil` where it fits.
    func fault(ofSecret name: String, for registry: String) -> String? {
        switch self {
        case .missing: "Secret \(name) does not exist in this namespace"
        case .wrongType(let type):
            "Secret \(name) has type \(type), not kubernetes.io/dockerconfigjson"
        case .unreadable: "Secret \(name) contains no readable .dockerconfigjson"
        case .otherRegistries(let hosts):
            "Secret \(name) has credentials for "
                + (hosts.isEmpty ? "no registry" : hosts.joined(separator: ", "))
                + ", not for \(registry)"
        case .fits: nil
        }
    }

    /// `nil` where the bytes are not JSON, which the caller reports as unreadable.
    private static func parsed(_ bytes: [UInt8]) -> JSONValue? {
        try? JSONValue(parsing: bytes)
    }

    /// Keys are hosts, or URLs such as `https://index.docker.io/v1/`.
    private static func host(of key: String) -> String {
        let withoutScheme = key.firstRange(of: "://").map { key[$0.upperBound...] } ?? key[...]
        let host = String(withoutScheme.prefix { $0 != "/" })
        return host == "index.docker.io" ? "docker.io" : host
    }

    private static func pair(in auth: String?) -> (user: String, token: Secret)? {
        guard let auth, let bytes = Data(base64Encoded: auth),
            let pair = String(data: bytes, encoding: .utf8),
            let colon = pair.firstIndex(of: ":")
        else { return nil }
        return (String(pair[..<colon]), Secret(String(pair[pair.index(after: colon)...])))
    }
}

extension ClusterReader {
    /// The same problem, with what is wrong with the pull Secrets where the registry requires
    /// credentials.
    func inspectingPullSecrets(
        of problem: Problem, namespace: String
    ) async throws(KubernetesError) -> Problem {
        guard problem.code == .pullUnauthorized || problem.code == .pullForbidden,
            let pull = problem.pull,
            !pull.secrets.isEmpty
        else { return problem }
        return problem.addingPullSecrets(
            try await pullSecrets(of: pull, namespace: namespace), registry: pull.registry)
    }

    /// The states of a pull's Secrets, in their order.
    func pullSecrets(
        of pull: PullAttempt, namespace: String
    ) async throws(KubernetesError) -> [(name: String, state: PullSecretState)] {
        let objects = try await get(
            pull.secrets.map {
                ObjectReference(apiVersion: "v1", kind: "Secret", namespace: namespace, name: $0)
            })
        return pull.secrets.map { name in
            (
                name,
                PullSecretState(
                    objects.first { $0["metadata", "name"]?.string == name },
                    registry: pull.registry)
            )
        }
    }
}

extension Problem {
    func addingPullSecrets(
        _ states: [(name: String, state: PullSecretState)], registry: String
    ) -> Problem {
        var result = self
        let faults = states.compactMap { $0.state.fault(ofSecret: $0.name, for: registry) }
        for (name, state) in states {
            if case .fits(let user, _) = state {
                // An attempt without the Secret says nothing about its credentials.
                guard pull?.isSecretUnread != true else { return result }
                let credentials =
                    user.map { "user \($0) with the token" } ?? "the token"
                result.summary += "; \(registry) rejects \(credentials) in Secret \(name)"
                return result
            }
        }
        result.summary += "; \(faults.joined(separator: "; "))"
        result.remedy =
            "create Secret \(states[0].name) again, with type kubernetes.io/dockerconfigjson "
            + "and credentials for \(registry)"
        return result
    }
}
