/// How evenly pods spread over nodes or zones.
public struct TopologySpread: Encodable, Sendable, Hashable {
    /// How many more pods one domain may have than another.
    public var maxSkew: Int
    /// The node label that makes a domain.
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

/// Where a pod would rather run; here: away from its like.
public struct Affinity: Encodable, Sendable, Hashable {
    /// Away from which pods.
    public var podAntiAffinity: PodAntiAffinity

    /// Prefers nodes that run no pod of `labelSelector`.
    public init(
        apartFrom labelSelector: LabelSelector, weight: Int = 100, topologyKey: String = "kubernetes.io/hostname"
    ) {
        podAntiAffinity = PodAntiAffinity(
            preferredDuringSchedulingIgnoredDuringExecution: [
                WeightedTerm(
                    weight: weight, podAffinityTerm: .init(labelSelector: labelSelector, topologyKey: topologyKey))
            ])
    }

    /// Rules that keep pods apart where that is possible.
    public struct PodAntiAffinity: Encodable, Sendable, Hashable {
        /// The rules.
        public var preferredDuringSchedulingIgnoredDuringExecution: [WeightedTerm]
    }

    /// A rule and its weight.
    public struct WeightedTerm: Encodable, Sendable, Hashable {
        /// 1…100.
        public var weight: Int
        /// The rule.
        public var podAffinityTerm: Term
    }

    /// Pods, and the domain they are kept apart in.
    public struct Term: Encodable, Sendable, Hashable {
        /// The pods.
        public var labelSelector: LabelSelector
        /// The node label that makes a domain.
        public var topologyKey: String
    }
}
