public import ClientKit
public import Journal
public import StepKit

/// How one step of a run ended.
public enum StepResult: Sendable, Hashable {
    /// Check found nothing missing.
    case inPlace
    /// These changes were made and proved.
    case applied([Change])
}

/// What a run tells whoever watches it, in order.
public enum EngineEvent: Sendable {
    /// The run exists on disk; `resumed` when it had been begun before.
    case runBegan(runID: String, module: Int, resumed: Bool)
    /// Connections are being made and everything needed is looked at.
    case preflightBegan
    /// Everything needed is there; how long that took.
    case preflightPassed(Duration)
    /// A step is being looked at; its place in the list from 1.
    case stepBegan(StepID, index: Int, count: Int)
    /// What the step is doing or waiting for now.
    case stepProgress(StepID, Reporter.Progress)
    /// The step is finished and its checkpoint is on disk.
    case stepEnded(StepID, StepResult, Duration)
    /// The step failed.
    case stepFailed(StepID, message: String, Duration)
    /// Something an operator should know that does not stop the run.
    case warning(String)
    /// The run is over; its outcome is on disk.
    case runEnded(RunSummary)
}

/// What a whole run came to.
public struct RunSummary: Sendable {
    /// The run's id.
    public let runID: String
    /// How many steps found nothing to do.
    public let inPlace: Int
    /// How many steps changed something.
    public let applied: Int
    /// The failure that ended the run, `nil` when it succeeded.
    public let failure: RunFailure?
    /// What the operator needs after the run, such as where a backup lies; each told once.
    public let notes: [String]
    /// From the command to the end.
    public let duration: Duration
}

/// Why a run ended before its last step.
public enum RunFailure: Error, Sendable {
    /// A step or a client failed.
    case failed(any ExplainedError)
    /// An error of a kind nobody foresaw, in its own words.
    case unforeseen(String)
    /// The operator, or the system, asked the run to stop.
    case interrupted

    /// What to tell the operator.
    public var message: String {
        switch self {
        case .failed(let error): error.description
        case .unforeseen(let text): text
        case .interrupted: "interrupted; `runner resume` goes on where it stopped"
        }
    }
}

/// An error whose texts were redacted: what a client quotes of logs and answers must not reach the terminal as it came.
public struct RedactedError: ExplainedError {
    /// What was tried.
    public let attempt: String
    /// The host involved, if any.
    public let host: String?
    /// What came back.
    public let cause: String
    /// What to do next.
    public let remedy: String
    /// Which exit status it leads to.
    public let kind: FailureKind
    /// The whole story, as the error itself tells it.
    public let description: String

    /// Redacts every text of `error`.
    public init(_ error: any ExplainedError, by redactor: Redactor) {
        attempt = redactor.redact(error.attempt)
        host = error.host.map(redactor.redact)
        cause = redactor.redact(error.cause)
        remedy = redactor.redact(error.remedy)
        kind = error.kind
        description = redactor.redact(error.description)
    }
}

extension RunFailure {
    /// The failure without secrets.
    func redacted(by redactor: Redactor) -> RunFailure {
        switch self {
        case .failed(let error): .failed(RedactedError(error, by: redactor))
        case .unforeseen(let text): .unforeseen(redactor.redact(text))
        case .interrupted: .interrupted
        }
    }

    /// Sorts an error; whatever happens after a cancellation is its consequence.
    init(_ error: any Error, isCancelled: Bool) {
        if isCancelled || error is CancellationError {
            self = .interrupted
        } else if let explained = error as? any ExplainedError {
            self = .failed(explained)
        } else {
            self = .unforeseen(String(describing: error))
        }
    }

    var isInterruption: Bool {
        if case .interrupted = self { true } else { false }
    }

    /// The exit status of a process that ends with this failure; `interrupted` is that of the signal.
    public func exitStatus(interrupted: Int32) -> Int32 {
        switch self {
        case .interrupted: interrupted
        case .unforeseen: 1
        case .failed(let error): error.kind.exitStatus
        }
    }
}

extension FailureKind {
    /// The exit status that the command line promises for this kind.
    public var exitStatus: Int32 {
        switch self {
        case .failed, .unreachable, .unknownOutcome: 1
        case .usage: 64
        case .badInput: 65
        case .noMaster: 69
        case .stateNotWritable: 73
        case .busy: 75
        case .refused: 77
        }
    }
}
