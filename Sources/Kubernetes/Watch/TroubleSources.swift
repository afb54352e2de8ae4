/// The log of one container of a pod.
public struct LogSource: Sendable, Hashable {
    /// The pod.
    public let pod: String
    /// The container.
    public let container: String
    /// Whether the container before the present one is meant.
    public let isPrevious: Bool
}

/// An image and the Secrets a pod names for pulling it.
public struct PullAttempt: Sendable, Hashable {
    /// The image.
    public let image: String
    /// The names of the Secrets.
    public let secrets: [String]
    /// Whether the kubelet could not read one of these Secrets, and tried without it.
    public var isSecretUnread = false

    /// The registry's host and port, as the image's name gives it.
    public var registry: String {
        let parts = image.split(separator: "/", maxSplits: 1)
        guard parts.count == 2, let first = parts.first,
            first.contains(".") || first.contains(":") || first == "localhost"
        else { return "docker.io" }
        return String(first)
    }
}
