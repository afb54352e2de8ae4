/// How a failure ends the run, one case for each exit status that the command line promises.
public enum FailureKind: Sendable, Hashable {
    /// Something on the platform is not as required; the step fails (exit 1).
    case failed
    /// The command line names something that does not exist (exit 64).
    case usage
    /// The inventory, a credentials file or a state file is wrong (exit 65).
    case badInput
    /// A host or service cannot be reached, or the connection to it is gone; if it is a master,
    /// another may take over (exit 1).
    case unreachable
    /// No master can be reached (exit 69).
    case noMaster
    /// The state directory cannot be written durably (exit 73).
    case stateNotWritable
    /// Another run holds the module (exit 75).
    case busy
    /// A host key or an authentication was refused (exit 77).
    case refused
    /// The time limit that the operator set has run out (exit 124).
    case outOfTime
    /// The command was sent but its result was never received: neither success nor failure; the
    /// step's check decides.
    case unknownOutcome
}

/// An error that says what was tried, where, what came back, and what to do next.
///
/// Every module's error type conforms, so that the command line prints all of them in one form:
/// `attempt (host): cause → remedy`. All texts follow one contract:
///
/// - The attempt and the remedy are imperative and begin with a lower-case verb: `connect to
///   PostgreSQL as kb_admin`, `run again once the node is Ready`. A remedy may add its reason after
///   a colon. A command to run is quoted in full, in backquotes.
/// - The cause is a plain statement of what came back: `connection refused`, `the database does not
///   exist`. Where a server answered, it is the server's own message.
/// - None of them ends with a full stop or a line break, so that they can be joined.
/// - They use the words that operators of Kubernetes and PostgreSQL use every day, and name
///   objects, hosts and files in full: `Deployment web`, not `the deployment`.
/// - None of them contains a secret.
///
/// `MessageContractTests` checks what a test can check of it, for every attempt and remedy in the
/// sources.
public protocol ExplainedError: Error, Sendable, CustomStringConvertible {
    /// What was tried: `connect to PostgreSQL as kb_admin`.
    var attempt: String { get }
    /// The inventory name of the host or the `address:port`, where one is involved.
    var host: String? { get }
    /// What came back: `connection refused`.
    var cause: String { get }
    /// What the operator should do next: `start PostgreSQL on db-master-01`.
    var remedy: String { get }
    /// Determines the exit status.
    var kind: FailureKind { get }
}

extension ExplainedError {
    /// All of it on one line: `attempt (host): cause → remedy`.
    public var description: String {
        let place = host.map { " (\($0))" } ?? ""
        return "\(attempt)\(place): \(cause) → \(remedy)"
    }
}
