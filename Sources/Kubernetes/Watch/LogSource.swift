/// The log of a container.
public struct LogSource: Sendable, Hashable {
    /// The pod.
    public let pod: String
    /// The container.
    public let container: String
    /// Whether it is the log of the container before the last restart.
    public let isPrevious: Bool
}
