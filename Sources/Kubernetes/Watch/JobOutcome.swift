/// How a Job ended, by its conditions.
public enum JobOutcome: Sendable, Hashable {
    /// It completed.
    case succeeded
    /// It failed for this reason, such as `BackoffLimitExceeded`.
    case failed(reason: String)
    /// It will fail for this reason once its pods have terminated, which may take their grace
    /// period.
    case failing(reason: String)

    /// Reads the conditions of a Job object; `nil` while it is running.
    ///
    /// Kubernetes before 1.31 reports `Failed` immediately, with the pods still terminating.
    public init?(_ job: JSONValue) {
        func reason(of type: String) -> String? {
            job.condition(type).flatMap { $0.status == "True" ? $0.reason : nil }
        }
        if reason(of: "Complete") != nil {
            self = .succeeded
        } else if let reason = reason(of: "Failed") {
            self = .failed(reason: reason)
        } else if let reason = reason(of: "FailureTarget") {
            self = .failing(reason: reason)
        } else {
            return nil
        }
    }
}
