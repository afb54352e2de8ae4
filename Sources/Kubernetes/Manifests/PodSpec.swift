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
    /// Containers that must complete first.
    public var initContainers: [Container]?
    /// `Always`, or for Jobs `Never` or `OnFailure`.
    public var restartPolicy: String?
    /// Secrets to pull the images with.
    public var imagePullSecrets: [NameReference]?
    /// The ServiceAccount that the pod runs as.
    public var serviceAccountName: String?
    /// Whether the pod gets a token for the API.
    public var automountServiceAccountToken: Bool?
    /// Whether each Service of the namespace sets variables in the pod: one called `postgres` would
    /// overwrite POSTGRES_PORT.
    public var enableServiceLinks: Bool?
    /// How many seconds the pod gets to shut down.
    public var terminationGracePeriodSeconds: Int?
    /// How many seconds a Job's pod may run.
    public var activeDeadlineSeconds: Int?
    /// User, group and the like for all containers.
    public var securityContext: PodSecurityContext?
    /// How pods spread over nodes.
    public var topologySpreadConstraints: [TopologySpread]?
    /// Labels the node must have.
    public var nodeSelector: [String: String]?
    /// The volumes that containers can mount.
    public var volumes: [Volume]?

    /// Describes a pod; see the properties.
    public init(
        containers: [Container], initContainers: [Container]? = nil, restartPolicy: String? = nil,
        imagePullSecrets: [NameReference]? = nil, serviceAccountName: String? = nil,
        automountServiceAccountToken: Bool? = nil, enableServiceLinks: Bool? = nil,
        terminationGracePeriodSeconds: Int? = nil, activeDeadlineSeconds: Int? = nil,
        securityContext: PodSecurityContext? = nil, topologySpreadConstraints: [TopologySpread]? = nil,
        nodeSelector: [String: String]? = nil, volumes: [Volume]? = nil
    ) {
        self.containers = containers
        self.initContainers = initContainers
        self.restartPolicy = restartPolicy
        self.imagePullSecrets = imagePullSecrets
        self.serviceAccountName = serviceAccountName
        self.automountServiceAccountToken = automountServiceAccountToken
        self.enableServiceLinks = enableServiceLinks
        self.terminationGracePeriodSeconds = terminationGracePeriodSeconds
        self.activeDeadlineSeconds = activeDeadlineSeconds
        self.securityContext = securityContext
        self.topologySpreadConstraints = topologySpreadConstraints
        self.nodeSelector = nodeSelector
        self.volumes = volumes
    }
}

/// User and group of a pod's processes.
public struct PodSecurityContext: Encodable, Sendable, Hashable {
    /// Refuses an image that runs as root.
    public var runAsNonRoot: Bool?
    /// The user.
    public var runAsUser: Int?
    /// The group.
    public var runAsGroup: Int?
    /// The group of the volumes.
    public var fsGroup: Int?
    /// The system calls that are allowed.
    public var seccompProfile: SeccompProfile?

    /// Describes user and group; see the properties.
    public init(
        runAsNonRoot: Bool? = nil, runAsUser: Int? = nil, runAsGroup: Int? = nil, fsGroup: Int? = nil,
        seccompProfile: SeccompProfile? = nil
    ) {
        self.runAsNonRoot = runAsNonRoot
        self.runAsUser = runAsUser
        self.runAsGroup = runAsGroup
        self.fsGroup = fsGroup
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
