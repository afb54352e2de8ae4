/// A Service.
public struct Service: Manifest {
    /// `v1`.
    public let apiVersion = "v1"
    /// `Service`.
    public let kind = "Service"
    /// Name, namespace, labels and annotations.
    public var metadata: ObjectMeta
    /// What it serves.
    public var spec: Spec

    /// Describes a Service.
    public init(metadata: ObjectMeta, spec: Spec) {
        self.metadata = metadata
        self.spec = spec
    }

    /// Type, pods and ports of a Service.
    public struct Spec: Encodable, Sendable, Hashable {
        /// `ClusterIP` and the like.
        public var type: String
        /// Labels of the pods that it selects.
        public var selector: [String: String]
        /// The ports.
        public var ports: [Port]

        /// Describes what a Service serves.
        public init(type: String = "ClusterIP", selector: [String: String], ports: [Port]) {
            self.type = type
            self.selector = selector
            self.ports = ports
        }
    }

    /// One port of a Service.
    public struct Port: Encodable, Sendable, Hashable {
        /// Its name.
        public var name: String
        /// The Service's own port.
        public var port: Int
        /// The pods' port.
        public var targetPort: IntOrString
        /// Always written: server-side apply on 1.20 refuses a port without it.
        public var `protocol`: String

        /// Describes a port.
        public init(name: String, port: Int, targetPort: IntOrString, protocol: String = "TCP") {
            self.name = name
            self.port = port
            self.targetPort = targetPort
            self.protocol = `protocol`
        }
    }
}

/// An Ingress.
public struct Ingress: Manifest {
    /// `networking.k8s.io/v1`.
    public let apiVersion = "networking.k8s.io/v1"
    /// `Ingress`.
    public let kind = "Ingress"
    /// Name, namespace, labels and annotations.
    public var metadata: ObjectMeta
    /// Which requests go where.
    public var spec: Spec

    /// Describes an Ingress.
    public init(metadata: ObjectMeta, spec: Spec) {
        self.metadata = metadata
        self.spec = spec
    }

    /// Class and rules of an Ingress.
    public struct Spec: Encodable, Sendable, Hashable {
        /// The class of the controller that serves it.
        public var ingressClassName: String
        /// One rule per host.
        public var rules: [Rule]

        /// Describes the requests that an Ingress serves.
        public init(ingressClassName: String, rules: [Rule]) {
            self.ingressClassName = ingressClassName
            self.rules = rules
        }
    }

    /// Where the requests for one host go.
    public struct Rule: Encodable, Sendable, Hashable {
        /// The host's name.
        public var host: String
        /// The paths.
        public var http: Paths

        /// Sends the requests for a host to the Service of each path.
        public init(host: String, paths: [Path]) {
            self.host = host
            self.http = Paths(paths: paths)
        }
    }

    /// The paths of a rule.
    public struct Paths: Encodable, Sendable, Hashable {
        /// The paths.
        public var paths: [Path]
    }

    /// One path and its backend Service.
    public struct Path: Encodable, Sendable, Hashable {
        /// The path.
        public var path: String
        /// `Prefix` or `Exact`.
        public var pathType: String
        /// The backend Service.
        public var backend: Backend

        /// Sends requests below `path` to a port of a Service.
        public init(path: String = "/", pathType: String = "Prefix", service: String, port: Int) {
            self.path = path
            self.pathType = pathType
            self.backend = Backend(service: .init(name: service, port: .init(number: port)))
        }
    }

    /// Where requests go.
    public struct Backend: Encodable, Sendable, Hashable {
        /// The Service.
        public var service: ServicePort
    }

    /// A Service and its port.
    public struct ServicePort: Encodable, Sendable, Hashable {
        /// The Service's name.
        public var name: String
        /// Its port.
        public var port: Number

        /// A port by its number.
        public struct Number: Encodable, Sendable, Hashable {
            /// The number.
            public var number: Int
        }
    }
}
