/// A check that the kubelet repeats on a container.
public struct Probe: Encodable, Sendable, Hashable {
    /// A request that must be answered with 200…399.
    public var httpGet: HTTPGet?
    /// A port that must accept connections.
    public var tcpSocket: TCPSocketAction?
    /// Seconds between checks.
    public var periodSeconds: Int?
    /// Seconds an answer may take.
    public var timeoutSeconds: Int?
    /// Consecutive failures after which it counts as failed.
    public var failureThreshold: Int?

    /// Describes a probe; see the properties.
    public init(
        httpGet: HTTPGet? = nil, tcpSocket: TCPSocketAction? = nil, periodSeconds: Int? = nil,
        timeoutSeconds: Int? = nil, failureThreshold: Int? = nil
    ) {
        self.httpGet = httpGet
        self.tcpSocket = tcpSocket
        self.periodSeconds = periodSeconds
        self.timeoutSeconds = timeoutSeconds
        self.failureThreshold = failureThreshold
    }

    /// An HTTP request.
    public struct HTTPGet: Encodable, Sendable, Hashable {
        /// The path.
        public var path: String
        /// The port.
        public var port: IntOrString
        /// Headers, such as `Host`.
        public var httpHeaders: [Header]?

        /// Describes a request.
        public init(path: String, port: IntOrString, httpHeaders: [Header]? = nil) {
            self.path = path
            self.port = port
            self.httpHeaders = httpHeaders
        }
    }

    /// A header of an HTTP request.
    public struct Header: Encodable, Sendable, Hashable {
        /// Its name.
        public var name: String
        /// Its value.
        public var value: String

        /// Describes a header.
        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// A TCP connection.
    public struct TCPSocketAction: Encodable, Sendable, Hashable {
        /// The port.
        public var port: IntOrString

        /// Describes a connection.
        public init(port: IntOrString) {
            self.port = port
        }
    }

    /// A program that is run in the container.
    public struct Exec: Encodable, Sendable, Hashable {
        /// The program and its arguments.
        public var command: [String]

        /// Describes a program.
        public init(command: [String]) {
            self.command = command
        }
    }
}

/// What runs when a container is about to be stopped.
public struct Lifecycle: Encodable, Sendable, Hashable {
    /// Runs before the container gets its termination signal.
    public var preStop: Handler

    /// Runs `command` before the container gets its termination signal.
    public init(preStop command: [String]) {
        self.preStop = Handler(exec: Probe.Exec(command: command))
    }

    /// What runs.
    public struct Handler: Encodable, Sendable, Hashable {
        /// A program in the container.
        public var exec: Probe.Exec
    }
}
