extension ClusterReader {
    /// Why the kubelet's next attempt may succeed: its cause no longer exists; `nil` where it still
    /// does.
    ///
    /// The kubelet retries only after its back-off.
    func pendingRetry(
        of problem: Problem, namespace: String, accepted: AcceptedPull?
    ) async throws(KubernetesError) -> String? {
        if let missing = problem.missing {
            let object = try await get(
                ObjectReference(
                    apiVersion: "v1", kind: missing.kind, namespace: namespace, name: missing.name))
            guard let object, missing.isFound(in: object) else { return nil }
            return "\(missing) exists by now, and the kubelet has not retried yet"
        }
        guard let pull = problem.pull else { return nil }
        let isAccepted = accepted?.image == pull.image
        if problem.code == .imageNotFound {
            return isAccepted
                ? "\(pull.registry) had it when this run began, and the kubelet will retry" : nil
        }
        guard problem.code == .pullUnauthorized || problem.code == .pullForbidden,
            isAccepted || pull.isSecretUnread
        else { return nil }
        for (name, state) in try await pullSecrets(of: pull, namespace: namespace) {
            guard case .fits(let user, let token) = state else { continue }
            if let accepted, isAccepted, user == accepted.user, token == accepted.token {
                return "Secret \(name) contains the credentials that \(pull.registry) accepted "
                    + "when this run began, and the kubelet will retry"
            }
            if pull.isSecretUnread, !isAccepted {
                return "Secret \(name) exists by now, and the kubelet will retry with it"
            }
        }
        return nil
    }
}

extension Problem {
    /// How long the kubelet may take to retry: a whole back-off, and a little for what follows.
    var backOff: Duration {
        switch code {
        // The back-off of a mount doubles up to two minutes.
        case .volumeFailed: .seconds(130)
        // A pull is retried after 10 s, then 20 s.
        case .pullUnauthorized, .pullForbidden, .imageNotFound: .seconds(45)
        // A pod is synced again after 10 to 15 s.
        default: .seconds(30)
        }
    }
}
