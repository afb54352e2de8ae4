import Journal
public import StepKit

/// How one step of a run ended.
public enum StepResult: Sendable, Hashable {
    /// Check found nothing missing.
    case inPlace
    /// These changes were made and proved.
    case applied([Change])

    /// Whether anything was changed.
    var isApplied: Bool { self != .inPlace }
}

/// What a run reports to its observers, in order.
public enum EngineEvent: Sendable {
    /// The run exists on disk; `resumed` when it had been begun before.
    case runBegan(runID: String, module: Int, resumed: Bool)
    /// Connections are being made and everything needed is checked.
    case preflightBegan
    /// Everything needed is there; how long that took.
    case preflightPassed(Duration)
    /// A step's check has begun; its place in the list from 1.
    case stepBegan(StepID, index: Int, count: Int)
    /// What the step is doing or waiting for now.
    case stepProgress(StepID, Reporter.Progress)
    /// The step is finished and its checkpoint is on disk.
    case stepEnded(StepID, StepResult, Duration)
    /// The step failed.
    case stepFailed(StepID, Duration)
    /// Something an operator should know that does not stop the run.
    case warning(String)
    /// The run is over; its outcome is on disk.
    case runEnded(RunSummary)
}

extension EngineEvent {
    /// The event without secrets: what a client's error quotes must not reach the terminal.
    func redacted(by redactor: Redactor) -> EngineEvent {
        switch self {
        case .stepProgress(let id, let said):
            .stepProgress(id, .init(redactor.redact(said.text), left: said.left))
        case .warning(let text): .warning(redactor.redact(text))
        case .stepEnded(let id, .applied(let changes), let duration):
            .stepEnded(id, .applied(changes.map { $0.redacted(by: redactor) }), duration)
        // The failure and the notes of a summary are redacted where it is made.
        case .runBegan, .preflightBegan, .preflightPassed, .stepBegan, .runEnded, .stepFailed,
            .stepEnded(_, .inPlace, _):
            self
        }
    }
}
