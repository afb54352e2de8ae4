public import ClientKit
public import SSH

/// A request to the cluster that failed, or a problem that the cluster reports.
public struct KubernetesError: ExplainedError {
    /// The cause as a code, for callers that must distinguish causes.
    public enum Code: Sendable {
        /// The remote shell failed; the request was not sent, or its answer was lost.
        case shell(SSHError)
        /// The API server answered with this reason.
        case server(ServerReason)
        /// kubectl cannot reach the API server.
        case serverUnreachable
        /// There is no kubectl on the host.
        case kubectlMissing
        /// The kubeconfig is missing or cannot be used.
        case kubeconfig
        /// The API server does not know the kind or version of an object.
        case unknownKind
        /// kubectl failed in another way.
        case kubectl
        /// kubectl's output is not as expected.
        case unreadableAnswer
        /// A wait ended because success has become impossible.
        case problem(Problem)
        /// A wait ended at its deadline, with the problem that was last observed.
        case deadline(Problem?)
        /// Somebody else holds the module's lease.
        case leaseHeld(LeaseRecord)
        /// The lease was ours and is no longer.
        case leaseLost(LeaseRecord?)
    }

    /// The cause as a code.
    public let code: Code
    /// What was tried.
    public let attempt: String
    /// The inventory name of the host kubectl ran on.
    public let host: String?
    /// kubectl's argument vector; empty where no single command failed.
    public let command: [String]
    /// kubectl's exit status, where one came back.
    public let exitStatus: Int32?
    /// What came back.
    public let cause: String
    /// What to do next.
    public let remedy: String
    /// Determines the runner's exit status.
    public let kind: FailureKind

    init(
        _ code: Code, attempt: String, host: String?, command: [String] = [],
        exitStatus: Int32? = nil, cause: String,
        remedy: String, kind: FailureKind = .failed
    ) {
        self.code = code
        self.attempt = attempt
        self.host = host
        self.command = command
        self.exitStatus = exitStatus
        self.cause = cause
        self.remedy = remedy
        self.kind = kind
    }

    /// What keeps a workload from coming up, where that is what ended a wait.
    public var problem: Problem? {
        switch code {
        case .problem(let problem): problem
        case .deadline(let problem): problem
        default: nil
        }
    }

    /// The reason that the API server gave, where it answered.
    public var serverReason: ServerReason? {
        if case .server(let reason) = code { reason } else { nil }
    }
}

/// `Status.reason` of an API server's refusal: a code, unlike its message.
public struct ServerReason: RawRepresentable, Sendable, Hashable {
    /// The code as the API spells it; empty where the server gave none.
    public let rawValue: String

    /// Wraps a code.
    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// An object or its namespace does not exist.
    public static let notFound = ServerReason(rawValue: "NotFound")
    /// An object to create exists.
    public static let alreadyExists = ServerReason(rawValue: "AlreadyExists")
    /// The object changed since it was read.
    public static let conflict = ServerReason(rawValue: "Conflict")
    /// Denied by RBAC, a quota or an admission controller.
    public static let forbidden = ServerReason(rawValue: "Forbidden")
    /// The credentials are not accepted.
    public static let unauthorized = ServerReason(rawValue: "Unauthorized")
    /// The object is not valid.
    public static let invalid = ServerReason(rawValue: "Invalid")
    /// The server gave up waiting for a backend.
    public static let timeout = ServerReason(rawValue: "Timeout")
    /// The server was too slow to answer.
    public static let serverTimeout = ServerReason(rawValue: "ServerTimeout")
    /// The server is starting, stopping or overloaded.
    public static let serviceUnavailable = ServerReason(rawValue: "ServiceUnavailable")
    /// The server asks for fewer requests.
    public static let tooManyRequests = ServerReason(rawValue: "TooManyRequests")
    /// The server failed internally, for example because etcd has no leader.
    public static let internalError = ServerReason(rawValue: "InternalError")
}
