/// The pods that a Deployment or Job creates.
public struct PodTemplate: Encodable, Sendable, Hashable {
    /// Labels and annotations of the pods.
    public var metadata: Labels
    /// The pods themselves.
    public var spec: PodSpec

    /// Describes pods.
    public init(labels: [String: String], annotations: [String: String]? = nil, spec: PodSpec) {
        self.metadata = Labels(labels: labels, annotations: annotations)
        self.spec = spec
    }

    /// Labels and annotations of pods; their names are generated.
    public struct Labels: Encodable, Sendable, Hashable {
        /// Labels, for selecting.
        public var labels: [String: String]
        /// Annotations; a checksum of the configuration here replaces the pods when it changes.
        public var annotations: [String: String]?
    }
}

/// What a pod runs and how.
public struct PodSpec: Encodable, Sendable, Hashable {
    /// The containers.
    public var containers: [Container]
    /// `Always`, or for Jobs `Never` or `OnFailure`.
    public var restartPolicy: String?
    /// Secrets to pull the images with.
    public var imagePullSecrets: [NameReference]?
    /// Whether the pod gets a token for the API.
    public var automountServiceAccountToken: Bool?
    /// Whether each Service of the namespace sets variables in the pod: one called `postgres` would
    /// overwrite POSTGRES_PORT.
    public var enableServiceLinks: Bool?
    /// How many seconds the pod gets to shut down.
    public var terminationGracePeriodSeconds: Int?
    /// The security settings of all containers.
    public var securityContext: PodSecurityContext?
    /// How pods spread over nodes.
    public var topologySpreadConstraints: [TopologySpread]?
    /// The volumes that containers can mount.
    public var volumes: [Volume]?

    /// Describes a pod; see the properties.
    public init(
        containers: [Container], restartPolicy: String? = nil,
        imagePullSecrets: [NameReference]? = nil, automountServiceAccountToken: Bool? = nil,
        enableServiceLinks: Bool? = nil, terminationGracePeriodSeconds: Int? = nil,
        securityContext: PodSecurityContext? = nil,
        topologySpreadConstraints: [TopologySpread]? = nil, volumes: [Volume]? = nil
    ) {
        self.containers = containers
        self.restartPolicy = restartPolicy
        self.imagePullSecrets = imagePullSecrets
        self.automountServiceAccountToken = automountServiceAccountToken
        self.enableServiceLinks = enableServiceLinks
        self.terminationGracePeriodSeconds = terminationGracePeriodSeconds
        self.securityContext = securityContext
        self.topologySpreadConstraints = topologySpreadConstraints
        self.volumes = volumes
    }
}

/// The security settings of all containers of a pod.
public struct PodSecurityContext: Encodable, Sendable, Hashable {
    /// The system calls that are allowed.
    public var seccompProfile: SeccompProfile?

    /// Describes settings; see the properties.
    public init(seccompProfile: SeccompProfile? = nil) {
        self.seccompProfile = seccompProfile
    }

    /// The filter for system calls.
    public struct SeccompProfile: Encodable, Sendable, Hashable {
        /// `RuntimeDefault` or `Unconfined`.
        public var type: String

        /// Names a filter.
        public init(type: String) {
            self.type = type
        }
    }
}

/// A volume: the entries of a ConfigMap as files.
public struct Volume: Encodable, Sendable, Hashable {
    /// Its name.
    public var name: String
    /// The ConfigMap.
    public var configMap: NameReference?

    /// A volume named after the ConfigMap, with a file for each of its entries.
    public init(configMap name: String) {
        self.name = name
        self.configMap = NameReference(name: name)
    }
}
