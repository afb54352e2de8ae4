extension Trouble {
    /// Why an image cannot be pulled.
    ///
    /// The kubelet passes on containerd's error as text and gives no code for what the registry answered, so that this is told
    /// by the HTTP status in that text, or by the words that registries use instead of one.
    static func pull(_ pod: Pod, _ container: ContainerStatus, text: String) -> Trouble {
        let attempt = PullAttempt(image: container.image, secrets: pod.pullSecrets)
        let lowered = text.lowercased()
        func says(_ marks: String...) -> Bool { marks.contains { lowered.contains($0) } }
        func trouble(_ code: Code, _ why: String, remedy: String, patience: Duration = confirmed) -> Trouble {
            Trouble(
                code, "\(pod.words) cannot pull \(container.image): \(why)", remedy: remedy, pod: pod.name,
                patience: patience, pull: attempt)
        }
        let registry = attempt.registry
        let with =
            attempt.secrets.isEmpty
            ? "the pod names no pull Secret" : "with pull Secret \(attempt.secrets.joined(separator: ", "))"

        if says("401 unauthorized", "unauthorized", "authentication required", "no basic auth credentials") {
            return trouble(
                .pullUnauthorized, "\(registry) answered 401 Unauthorized; \(with)",
                remedy: attempt.secrets.isEmpty
                    ? "name a Secret of type kubernetes.io/dockerconfigjson for \(registry) in the pod's imagePullSecrets"
                    : "put a valid user and token for \(registry) into Secret \(attempt.secrets.joined(separator: ", "))"
            )
        }
        if says("403 forbidden", "insufficient_scope", "access denied", "denied:") {
            return trouble(
                .pullForbidden, "\(registry) denied access to it; \(with)",
                remedy: attempt.secrets.isEmpty
                    ? "name a Secret of type kubernetes.io/dockerconfigjson for \(registry) in the pod's imagePullSecrets"
                    : "give the token of that Secret the right to read this package (read:packages on ghcr.io)")
        }
        if says("x509:") {
            return trouble(
                .registryUnreachable, "the node does not trust the certificate of \(registry): \(networkCause(text))",
                remedy: "put the right certificate on \(registry), or its authority on \(pod.node ?? "the node")",
                patience: stubborn)
        }
        if says("dial tcp", "no such host", "i/o timeout", "connection refused", "tls handshake", "deadline exceeded") {
            return trouble(
                .registryUnreachable, "the node does not reach \(registry): \(networkCause(text))",
                remedy: "mend the way from \(pod.node ?? "the node") to \(registry): DNS, route or firewall",
                patience: stubborn)
        }
        if says("not found", "manifest unknown", "404") {
            return trouble(
                .imageNotFound, "\(registry) has no such image or tag",
                remedy: "push \(container.image), or write an image that exists into the inventory")
        }
        return trouble(
            .pullFailed, text.isEmpty ? "the node does not say why" : text,
            remedy: "try `crictl pull \(container.image)` on \(pod.node ?? "the node")", patience: settled)
    }

    /// The end of containerd's chain of errors, where the network's own word stands.
    private static func networkCause(_ text: String) -> String {
        for mark in ["dial tcp", "x509:", "tls: "] {
            if let range = text.firstRange(of: mark) { return String(text[range.lowerBound...]) }
        }
        return text.split(separator: ": ").suffix(2).joined(separator: ": ")
    }
}
