import StepKit
import ClientKit

/// How far a process has come with the steps of its run.
final class RunProgress: Sendable {
    private struct State {
        var inPlace = 0
        var applied = 0
        var current: StepID?
        var hasBegunSteps = false
    }

    private let state = Locked(State())

    /// How many steps found nothing to do.
    var inPlace: Int { state.withLock { $0.inPlace } }
    /// How many steps changed something.
    var applied: Int { state.withLock { $0.applied } }
    /// The step that is under way, or that the run ended in.
    var current: StepID? { state.withLock { $0.current } }
    /// Whether the run came as far as its first step.
    var hasBegunSteps: Bool { state.withLock { $0.hasBegunSteps } }

    func beginSteps() { state.withLock { $0.hasBegunSteps = true } }

    func begin(_ step: StepID) { state.withLock { $0.current = step } }

    /// The current step ended with `result`.
    func finish(with result: StepResult) {
        state.withLock { state in
            switch result {
            case .inPlace: state.inPlace += 1
            case .applied: state.applied += 1
            }
            state.current = nil
        }
    }
}
