public import ClientKit

/// The credentials with which a registry accepted a pull of an image, as a run proves before its first step.
public struct AcceptedPull: Sendable, Hashable {
    /// The image, as the pods name it.
    public let image: String
    /// The user.
    public let user: String
    /// The user's token.
    public let token: Secret

    /// Describes what was accepted; see the properties.
    public init(image: String, user: String, token: Secret) {
        self.image = image
        self.user = user
        self.token = token
    }
}

extension ClusterReader {
    /// What is known that contradicts the cause that the kubelet gives; `nil` where nothing does.
    ///
    /// It was so when the kubelet looked, and the kubelet looks again only after its back-off.
    func doubt(
        about trouble: Trouble, namespace: String, accepted: AcceptedPull?
    ) async throws(KubernetesError) -> String? {
        if let missing = trouble.missing {
            let object = try await get(
                ObjectReference(apiVersion: "v1", kind: missing.kind, namespace: namespace, name: missing.name))
            guard let object, missing.isFound(in: object) else { return nil }
            return "\(missing.words) is there now, and the kubelet has not looked again yet"
        }
        guard let pull = trouble.pull else { return nil }
        let isAccepted = accepted?.image == pull.image
        if trouble.code == .imageNotFound {
            return isAccepted ? "\(pull.registry) had it when this run began, and the kubelet tries again" : nil
        }
        guard trouble.code == .pullUnauthorized || trouble.code == .pullForbidden,
            isAccepted || pull.isSecretUnread
        else { return nil }
        for (name, state) in try await pullSecrets(of: pull, namespace: namespace) {
            guard case .fits(let user, let token) = state else { continue }
            if let accepted, isAccepted, user == accepted.user, token == accepted.token {
                return
                    "Secret \(name) holds the credentials that \(pull.registry) accepted when this run began, and the "
                    + "kubelet tries again"
            }
            if pull.isSecretUnread, !isAccepted {
                return "Secret \(name) is there now, and the kubelet tries again with it"
            }
        }
        return nil
    }
}

extension Trouble {
    /// How long the kubelet may need to look again: a whole back-off of what it tries, and a little for what follows.
    var backOff: Duration {
        switch code {
        // A mount's back-off doubles up to two minutes.
        case .volumeFailed: .seconds(130)
        // It pulls again after 10 s, then 20 s.
        case .pullUnauthorized, .pullForbidden, .imageNotFound: .seconds(45)
        // It looks at a pod again after 10 to 15 s.
        default: .seconds(30)
        }
    }

    /// The same trouble, with what speaks against it.
    func doubted(_ doubt: String?) -> Trouble {
        guard let doubt else { return self }
        var result = self
        result.doubt = doubt
        result.sentence += "; yet \(doubt)"
        return result
    }
}
