/// How a failure ends the run, one case for each exit status that the command line promises.
public enum FailureKind: Sendable, Hashable {
    /// Something in the outside world is not as it must be; the step fails (exit 1).
    case failed
    /// The command line names something that does not exist (exit 64).
    case usage
    /// The inventory, a credentials file or a state file is wrong (exit 65).
    case badInput
    /// A host or service cannot be reached, or the connection to it is gone; where it is a master, another may take over (exit 1).
    case unreachable
    /// No master can be reached (exit 69).
    case noMaster
    /// The state directory cannot be written durably (exit 73).
    case stateNotWritable
    /// Another run holds the module (exit 75).
    case busy
    /// A host key or an authentication was refused (exit 77).
    case refused
    /// The command was sent and its result never came back: neither success nor failure; the step's check decides.
    case unknownOutcome
}

/// An error that says what was tried, where, what came back, and what to do next.
///
/// Every module's error type conforms, so that the command line prints all of them in one shape and nothing is lost on the way.
public protocol ExplainedError: Error, Sendable, CustomStringConvertible {
    /// What was tried, as a phrase: "connect to PostgreSQL as kb_admin".
    var attempt: String { get }
    /// The inventory name of the host or the `address:port`, where one is involved.
    var host: String? { get }
    /// What came back, in one sentence without a trailing newline.
    var cause: String { get }
    /// What the operator should do next, in one sentence.
    var remedy: String { get }
    /// Which exit status the failure leads to.
    var kind: FailureKind { get }
}

extension ExplainedError {
    /// The whole story on one line: `attempt (host): cause. → remedy`.
    public var description: String {
        let place = host.map { " (\($0))" } ?? ""
        return "\(attempt)\(place): \(cause) → \(remedy)"
    }
}
