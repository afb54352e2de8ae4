/// An image, and the Secrets that a pod names for pulling it.
public struct PullAttempt: Sendable, Hashable {
    /// The image.
    public let image: String
    /// The names of the Secrets.
    public let secrets: [String]
    /// Whether the kubelet could not read one of these Secrets, and tried without it.
    public var isSecretUnread = false

    /// The registry's host and port, as in the image name.
    public var registry: String {
        let parts = image.split(separator: "/", maxSplits: 1)
        guard parts.count == 2, let first = parts.first,
            first.contains(".") || first.contains(":") || first == "localhost"
        else { return "docker.io" }
        return String(first)
    }
}
