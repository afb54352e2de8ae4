/// How evenly pods spread over nodes or zones.
public struct TopologySpread: Encodable, Sendable, Hashable {
    /// How many more pods one domain may have than another.
    public var maxSkew: Int
    /// The node label that defines a domain.
    public var topologyKey: String
    /// `ScheduleAnyway` or `DoNotSchedule`.
    public var whenUnsatisfiable: String
    /// The pods that count.
    public var labelSelector: LabelSelector

    /// Describes a spread.
    public init(
        maxSkew: Int = 1, topologyKey: String = "kubernetes.io/hostname", whenUnsatisfiable: String = "ScheduleAnyway",
        labelSelector: LabelSelector
    ) {
        self.maxSkew = maxSkew
        self.topologyKey = topologyKey
        self.whenUnsatisfiable = whenUnsatisfiable
        self.labelSelector = labelSelector
    }
}
