import ClientKit
import Foundation

/// What a Secret named for pulling an image is worth for one registry.
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
        guard let encoded = object["data", ".dockerconfigjson"]?.string, let bytes = Data(base64Encoded: encoded),
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
    func fault(_ name: String, registry: String) -> String? {
        switch self {
        case .missing: "Secret \(name) does not exist in this namespace"
        case .wrongType(let type): "Secret \(name) has type \(type), not kubernetes.io/dockerconfigjson"
        case .unreadable: "Secret \(name) holds no readable .dockerconfigjson"
        case .otherRegistries(let hosts):
            "Secret \(name) holds credentials for \(hosts.isEmpty ? "no registry" : hosts.joined(separator: ", ")), "
                + "not for \(registry)"
        case .fits: nil
        }
    }

    /// The failure is an answer here: what is not JSON is unreadable.
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
        guard let auth, let bytes = Data(base64Encoded: auth), let pair = String(data: bytes, encoding: .utf8),
            let colon = pair.firstIndex(of: ":")
        else { return nil }
        return (String(pair[..<colon]), Secret(String(pair[pair.index(after: colon)...])))
    }
}

extension ClusterReader {
    /// The same trouble, with what is wrong with the Secrets named for the pull, where the registry wants credentials.
    func inspectingPullSecrets(_ trouble: Trouble, namespace: String) async throws(KubernetesError) -> Trouble {
        guard trouble.code == .pullUnauthorized || trouble.code == .pullForbidden, let pull = trouble.pull,
            !pull.secrets.isEmpty
        else { return trouble }
        return trouble.addingPullSecrets(try await pullSecrets(of: pull, namespace: namespace), registry: pull.registry)
    }

    /// What the Secrets named for a pull are worth, in their order.
    func pullSecrets(
        of pull: PullAttempt, namespace: String
    ) async throws(KubernetesError) -> [(name: String, state: PullSecretState)] {
        let objects = try await get(
            pull.secrets.map { ObjectReference(apiVersion: "v1", kind: "Secret", namespace: namespace, name: $0) })
        return pull.secrets.map { name in
            (name, PullSecretState(objects.first { $0["metadata", "name"]?.string == name }, registry: pull.registry))
        }
    }
}

extension Trouble {
    func addingPullSecrets(_ states: [(name: String, state: PullSecretState)], registry: String) -> Trouble {
        var result = self
        let faults = states.compactMap { $0.state.fault($0.name, registry: registry) }
        for (name, state) in states {
            if case .fits(let user, _) = state {
                // What was tried without the Secret says nothing about it.
                guard pull?.isSecretUnread != true else { return result }
                result.sentence +=
                    "; Secret \(name) fits the registry, which does not accept "
                    + (user.map { "user \($0) with its token" } ?? "its token")
                return result
            }
        }
        result.sentence += "; \(faults.joined(separator: "; "))"
        result.remedy =
            "make Secret \(states[0].name) anew, of type kubernetes.io/dockerconfigjson with credentials for \(registry)"
        return result
    }
}
