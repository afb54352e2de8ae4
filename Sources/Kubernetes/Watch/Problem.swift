/// What keeps a workload from coming up: the root cause among everything that the cluster reports
/// between the workload and its nodes.
public struct Problem: Sendable, Hashable {
    /// The kind of problem.
    public enum Code: String, Sendable, Codable {
        /// The workload does not exist.
        case missing
        /// The workload is paused or suspended.
        case paused
        /// The registry requires credentials, or other ones.
        case pullUnauthorized
        /// The registry accepts the credentials, but they do not grant access.
        case pullForbidden
        /// The registry has no such image or tag.
        case imageNotFound
        /// The node cannot reach the registry.
        case registryUnreachable
        /// The image has no build for the node's architecture.
        case wrongPlatform
        /// The node's container runtime does not support the format of the image.
        case unsupportedImage
        /// The registry limits the rate of pulls.
        case pullLimited
        /// The node has no disk space left for the image.
        case nodeDiskFull
        /// The image cannot be pulled for another reason.
        case pullFailed
        /// The image name is not valid.
        case invalidImageName
        /// A ConfigMap, a Secret or one of their keys is missing.
        case missingConfiguration
        /// The container cannot be created or its program cannot be started.
        case cannotStart
        /// The program exited and will be restarted.
        case exited
        /// The program exits again and again.
        case crashLoop
        /// The container exceeded its memory limit.
        case outOfMemory
        /// The kubelet killed the container because its probe failed.
        case killedByProbe
        /// The container is running but not ready.
        case notReady
        /// No node fits the pod.
        case unschedulable
        /// A ResourceQuota rejects the pod.
        case quotaExceeded
        /// The pod's ServiceAccount does not exist.
        case missingServiceAccount
        /// An admission controller or policy rejects the pod.
        case admissionRefused
        /// A volume cannot be mounted.
        case volumeFailed
        /// The pod's network or sandbox cannot be set up.
        case sandboxFailed
        /// The pod's node is not ready or does not report; its containers may still be running.
        case nodeNotReady
        /// The container runtime of the pod's node does not respond.
        case runtimeDown
        /// The scheduler has not processed the pod.
        case notScheduled
        /// The controllers have not processed the workload.
        case notControlled
        /// The node terminated the pod, for example because it ran short of memory or disk space.
        case evicted
        /// The Job failed.
        case jobFailed
        /// The Job exceeded its time limit.
        case jobTimedOut
        /// The Deployment exceeded its progress deadline.
        case noProgress
    }

    /// The kind of problem.
    public let code: Code
    /// What is wrong and why, as one sentence without a full stop.
    public var summary: String
    /// What to do, as one sentence without a full stop.
    public var remedy: String
    /// The pod that has the problem, where it is one pod's.
    public let pod: String?
    /// How long it has to last before waiting any longer is pointless; `nil` where it may pass on
    /// its own.
    public let gracePeriod: Duration?
    /// The log that may explain it, if there is one.
    public let log: LogSource?
    /// The image that could not be pulled and its pull Secrets, where that is the problem.
    public let pull: PullAttempt?
    /// The object that the kubelet did not find, where that is the problem.
    let missing: MissingObject?
    /// The workload that the summary begins with, where it does.
    public private(set) var subject: String?
    /// Why the kubelet's next attempt may succeed, where that is known: the cause has been removed
    /// since.
    public internal(set) var pendingRetry: String?
    /// The last lines of ``log``, once they were read: enough for a whole stack trace.
    public var logTail: [String] = []

    /// Whether the workload itself has the problem, and it does not pass on its own; a problem of a
    /// node or the control plane is not the workload's.
    public var isPermanent: Bool {
        switch code {
        case .nodeNotReady, .runtimeDown, .notScheduled, .notControlled: false
        default: gracePeriod != nil
        }
    }

    /// The summary without the workload that it may begin with, for where that is named already.
    public var summaryWithoutSubject: String {
        guard let subject, summary.hasPrefix(subject) else { return summary }
        return String(summary.dropFirst(subject.count).drop { $0 == ":" || $0 == " " })
    }

    init(
        _ code: Code, summary: String, remedy: String, pod: String? = nil,
        gracePeriod: Duration? = nil, log: LogSource? = nil, pull: PullAttempt? = nil,
        missing: MissingObject? = nil, subject: String? = nil
    ) {
        self.code = code
        self.summary = summary
        self.remedy = remedy
        self.pod = pod
        self.gracePeriod = gracePeriod
        self.log = log
        self.pull = pull
        self.missing = missing
        self.subject = subject
    }

    /// The same problem with another grace period.
    func withGracePeriod(_ gracePeriod: Duration?) -> Problem {
        var result = Problem(
            code, summary: summary, remedy: remedy, pod: pod, gracePeriod: gracePeriod, log: log,
            pull: pull, missing: missing, subject: subject)
        result.pendingRetry = pendingRetry
        result.logTail = logTail
        return result
    }

    /// The same problem with the workload in front of its summary.
    func prefixed(with subject: String) -> Problem {
        var result = self
        result.summary = "\(subject): \(summary)"
        result.subject = subject
        return result
    }

    /// The same problem with the reason why the kubelet's next attempt may succeed.
    func withPendingRetry(_ reason: String) -> Problem {
        var result = self
        result.pendingRetry = reason
        result.summary += "; but \(reason)"
        return result
    }

    /// The same problem with the end of the log in its summary.
    func addingLog(_ text: String) -> Problem {
        var result = self
        result.logTail = text.split(whereSeparator: \.isNewline).map { String($0.prefix(400)) }
            .filter { !$0.allSatisfy(\.isWhitespace) }
        // What precedes a stack trace tells an operator more than its frames.
        let telling = result.logTail.filter { !$0.contains(#/^\s*(from |at )?\S+:\d+:in /#) }
        let last = (telling.isEmpty ? result.logTail : telling).suffix(4)
        if !last.isEmpty {
            result.summary += "; its log ends with: " + last.joined(separator: " ⏎ ")
        }
        return result
    }
}
