/// The state of a workload.
public enum Verdict: Sendable, Hashable {
    /// It is up, or has completed.
    case done(String)
    /// It is in progress: what was last observed, and its problem, if it has one.
    case waiting(String, Problem?)
    /// It has failed and will not recover.
    case failed(Problem)
}

extension Verdict {
    var isDone: Bool {
        if case .done = self { true } else { false }
    }

    /// The problem, if there is one.
    public var problem: Problem? {
        switch self {
        case .done: nil
        case .waiting(_, let problem): problem
        case .failed(let problem): problem
        }
    }

    /// What was observed, without the problem.
    public var summary: String {
        switch self {
        case .done(let summary), .waiting(let summary, _): summary
        case .failed: "failed"
        }
    }
}
