/// A container of a pod.
public struct Container: Encodable, Sendable, Hashable {
    /// Its name.
    public var name: String
    /// The image.
    public var image: String
    /// `IfNotPresent`, `Always` or `Never`.
    public var imagePullPolicy: String?
    /// The program, instead of the image's entry point.
    public var command: [String]?
    /// Ports it listens on.
    public var ports: [ContainerPort]?
    /// Environment variables.
    public var env: [EnvironmentVariable]?
    /// ConfigMaps and Secrets whose entries become variables.
    public var envFrom: [EnvironmentSource]?
    /// Its resource requests and limits.
    public var resources: Resources?
    /// The other probes start once this has succeeded.
    public var startupProbe: Probe?
    /// While this fails, Services send it no traffic.
    public var readinessProbe: Probe?
    /// When this fails, the container is restarted.
    public var livenessProbe: Probe?
    /// What runs before it is stopped.
    public var lifecycle: Lifecycle?
    /// Its privileges.
    public var securityContext: SecurityContext?
    /// Where volumes are mounted.
    public var volumeMounts: [VolumeMount]?

    /// Describes a container; see the properties.
    public init(
        name: String, image: String, imagePullPolicy: String? = nil, command: [String]? = nil,
        ports: [ContainerPort]? = nil, env: [EnvironmentVariable]? = nil, envFrom: [EnvironmentSource]? = nil,
        resources: Resources? = nil, startupProbe: Probe? = nil, readinessProbe: Probe? = nil,
        livenessProbe: Probe? = nil, lifecycle: Lifecycle? = nil, securityContext: SecurityContext? = nil,
        volumeMounts: [VolumeMount]? = nil
    ) {
        self.name = name
        self.image = image
        self.imagePullPolicy = imagePullPolicy
        self.command = command
        self.ports = ports
        self.env = env
        self.envFrom = envFrom
        self.resources = resources
        self.startupProbe = startupProbe
        self.readinessProbe = readinessProbe
        self.livenessProbe = livenessProbe
        self.lifecycle = lifecycle
        self.securityContext = securityContext
        self.volumeMounts = volumeMounts
    }
}

/// A port that a container listens on.
public struct ContainerPort: Encodable, Sendable, Hashable {
    /// Its name.
    public var name: String
    /// Its number.
    public var containerPort: Int
    /// Always written: server-side apply on 1.20 refuses a port without it.
    public var `protocol`: String

    /// Describes a port.
    public init(name: String, containerPort: Int, protocol: String = "TCP") {
        self.name = name
        self.containerPort = containerPort
        self.protocol = `protocol`
    }
}

/// An environment variable of a container; secrets come from Secret objects through
/// ``EnvironmentSource``, never from here.
public struct EnvironmentVariable: Encodable, Sendable, Hashable {
    /// Its name.
    public var name: String
    /// Its value; `nil` where that is a field of the pod.
    public var value: String?
    /// Where the value comes from, if not from here.
    public var valueFrom: Source?

    /// A field of the pod, such as `metadata.name`.
    public struct Source: Encodable, Sendable, Hashable {
        private let fieldRef: [String: String]

        /// Takes the value of the pod's field at this path.
        public init(fieldPath: String) {
            fieldRef = ["apiVersion": "v1", "fieldPath": fieldPath]
        }
    }

    /// Describes a variable.
    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }

    /// Describes a variable that holds a field of its pod.
    public init(name: String, fieldPath: String) {
        self.name = name
        valueFrom = Source(fieldPath: fieldPath)
    }
}

/// A ConfigMap or Secret whose entries become variables.
public enum EnvironmentSource: Encodable, Sendable, Hashable {
    /// The ConfigMap of this name.
    case configMap(String)
    /// The Secret of this name.
    case secret(String)

    private enum CodingKeys: CodingKey {
        case configMapRef, secretRef
    }

    /// Encodes the reference.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .configMap(let name): try container.encode(NameReference(name: name), forKey: .configMapRef)
        case .secret(let name): try container.encode(NameReference(name: name), forKey: .secretRef)
        }
    }
}

/// A container's resource requests and limits, as Kubernetes quantities.
public struct Resources: Encodable, Sendable, Hashable {
    /// Reserved on the node: `cpu`, `memory`.
    public var requests: [String: String]?
    /// Never exceeded: `cpu`, `memory`.
    public var limits: [String: String]?

    /// Describes resources.
    public init(requests: [String: String]? = nil, limits: [String: String]? = nil) {
        self.requests = requests
        self.limits = limits
    }
}

/// A container's privileges.
public struct SecurityContext: Encodable, Sendable, Hashable {
    /// Whether a process may gain more privileges than its parent.
    public var allowPrivilegeEscalation: Bool?
    /// Capabilities that it drops.
    public var capabilities: Capabilities?

    /// Describes privileges; see the properties.
    public init(allowPrivilegeEscalation: Bool? = nil, capabilities: Capabilities? = nil) {
        self.allowPrivilegeEscalation = allowPrivilegeEscalation
        self.capabilities = capabilities
    }

    /// Capabilities of a container's processes.
    public struct Capabilities: Encodable, Sendable, Hashable {
        /// Capabilities to drop.
        public var drop: [String]?

        /// Describes capabilities.
        public init(drop: [String]? = nil) {
            self.drop = drop
        }
    }
}

/// Where a volume is mounted.
public struct VolumeMount: Encodable, Sendable, Hashable {
    /// The volume.
    public var name: String
    /// The directory.
    public var mountPath: String
    /// Whether it is mounted read-only.
    public var readOnly: Bool?

    /// Mounts the volume `name` at `mountPath`.
    public init(name: String, mountPath: String, readOnly: Bool? = nil) {
        self.name = name
        self.mountPath = mountPath
        self.readOnly = readOnly
    }
}
