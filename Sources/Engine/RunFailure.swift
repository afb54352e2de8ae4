public import ClientKit
import Journal

/// Why a run ended before its last step.
public enum RunFailure: Error, Sendable {
    /// A step or a client failed.
    case failed(any ExplainedError)
    /// An unexpected error, in its own words.
    case unforeseen(String)
    /// The operator, or the system, asked the run to stop.
    case interrupted(Interruption)

    /// What to tell the operator.
    public var message: String {
        switch self {
        case .failed(let error): error.description
        case .unforeseen(let text): text
        case .interrupted(let why): "\(why.summary); `runner resume` continues where it stopped"
        }
    }
}

extension RunFailure {
    /// The failure without secrets.
    func redacted(by redactor: Redactor) -> RunFailure {
        switch self {
        case .failed(let error): .failed(RedactedError(error, by: redactor))
        case .unforeseen(let text): .unforeseen(redactor.redact(text))
        case .interrupted: self
        }
    }

    /// Sorts an error; whatever happens after a cancellation, which is because of `interruption`, is its consequence.
    init(_ error: any Error, isCancelled: Bool, by interruption: Interruption) {
        if isCancelled || error is CancellationError {
            self = .interrupted(interruption)
        } else if let explained = error as? any ExplainedError {
            self = .failed(explained)
        } else {
            self = .unforeseen(String(describing: error))
        }
    }

    var isInterruption: Bool {
        if case .interrupted = self { true } else { false }
    }

    /// Whether the message itself tells which command of `runner` to type next.
    public var namesTheNextCommand: Bool {
        switch self {
        case .failed(let error): error.remedy.contains("`runner ")
        case .unforeseen: false
        case .interrupted: true
        }
    }

    /// The exit status of a process that ends with this failure.
    public var exitStatus: Int32 {
        switch self {
        case .interrupted(let why): why.exitStatus
        case .unforeseen: 1
        case .failed(let error): error.kind.exitStatus
        }
    }
}
