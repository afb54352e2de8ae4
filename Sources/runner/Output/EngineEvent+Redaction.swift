import Engine
import Journal
import StepKit

extension EngineEvent {
    /// The event without secrets: what a client's error quotes must not reach the terminal.
    func redacted(by redactor: Redactor) -> EngineEvent {
        switch self {
        case .stepProgress(let id, let said):
            .stepProgress(id, .init(redactor.redact(said.text), left: said.left))
        case .stepFailed(let id, let message, let duration):
            .stepFailed(id, message: redactor.redact(message), duration)
        case .warning(let text): .warning(redactor.redact(text))
        case .stepEnded(let id, .applied(let changes), let duration):
            .stepEnded(id, .applied(changes.map { $0.rewritten(redactor.redact) }), duration)
        case .runBegan, .preflightBegan, .preflightPassed, .stepBegan, .runEnded, .stepEnded(_, .inPlace, _): self
        }
    }
}
