/// How a Job ended, by its conditions; a Job that has none of these is still under way.
public enum JobEnd: Sendable, Hashable {
    /// It did its work.
    case succeeded
    /// It failed for this reason of the Job controller, such as `BackoffLimitExceeded`.
    case failed(reason: String)
    /// It has failed for this reason, and is called failed only once its pods have ended, which may take their grace period.
    case failing(reason: String)

    /// Reads the conditions of a Job object; `nil` while it is under way.
    ///
    /// Kubernetes before 1.31 says `Failed` at once, with the pods still ending.
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

extension JSONValue {
    /// Whether this Pod object has ended, well or badly: its containers run no more, and never will again.
    ///
    /// Such a pod stays until somebody removes it, as an evicted one does, and says nothing about those that replaced it.
    public var isEndedPod: Bool { ["Succeeded", "Failed"].contains(self["status", "phase"]?.string) }
}
