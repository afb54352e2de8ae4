/// What keeps a workload from coming up: one cause, folded from everything between the workload and its nodes.
public struct Trouble: Sendable, Hashable {
    /// What is wrong, as a code.
    public enum Code: String, Sendable, Codable {
        /// The workload does not exist.
        case missing
        /// The workload is told not to go on.
        case paused
        /// The registry wants credentials, or better ones.
        case pullUnauthorized
        /// The registry knows the credentials, and they are not enough.
        case pullForbidden
        /// The registry has no such image or tag.
        case imageNotFound
        /// The node cannot reach the registry.
        case registryUnreachable
        /// The image has no build for the node's architecture.
        case wrongPlatform
        /// The image is of a format that the node's container runtime does not take.
        case unsupportedImage
        /// The registry wants to be asked less often.
        case pullLimited
        /// The node has no room for the image.
        case nodeDiskFull
        /// The image cannot be pulled for another reason.
        case pullFailed
        /// The image's name is none.
        case invalidImageName
        /// A ConfigMap, a Secret or one of their keys is missing.
        case missingConfiguration
        /// The container cannot be made or its program cannot be started.
        case cannotStart
        /// The program ended and will be started anew.
        case exited
        /// The program ends again and again.
        case crashLoop
        /// The container used more memory than its limit.
        case outOfMemory
        /// The kubelet ends the container, since its probe fails.
        case killedByProbe
        /// The container runs and is not ready.
        case notReady
        /// No node takes the pod.
        case unschedulable
        /// A ResourceQuota refuses the pod.
        case quotaExceeded
        /// The pod's ServiceAccount does not exist.
        case missingServiceAccount
        /// An admission controller or policy refuses the pod.
        case admissionRefused
        /// A volume cannot be mounted.
        case volumeFailed
        /// The pod's network or sandbox cannot be made.
        case sandboxFailed
        /// The pod's node does not report, or says that it is not ready; what runs there may go on running.
        case nodeNotReady
        /// The container runtime of the pod's node does not answer.
        case runtimeDown
        /// No scheduler has looked at the pod.
        case notScheduled
        /// No controller has looked at the workload.
        case notControlled
        /// The node ended the pod, for want of memory or disk.
        case evicted
        /// The Job failed.
        case jobFailed
        /// The Job took longer than it may.
        case jobTimedOut
        /// The Deployment made no progress for longer than it may.
        case noProgress
    }

    /// What is wrong, as a code.
    public let code: Code
    /// What is wrong and why, as one sentence without a full stop.
    public var sentence: String
    /// What to do, as one sentence.
    public var remedy: String
    /// The pod that shows it, where there is one.
    public let pod: String?
    /// How long it must last until waiting on is pointless; `nil` for what may pass by itself.
    public let patience: Duration?
    /// The log that tells more, where there is one.
    public let log: LogSource?
    /// The image that could not be pulled and the Secrets named for it, where that is the trouble.
    public let pull: PullAttempt?
    /// The object that the kubelet did not find, where that is the trouble.
    let missing: MissingObject?
    /// The workload that the sentence begins with, where it begins with one.
    public private(set) var subject: String?
    /// What is known that speaks against the cause, once it was looked for: the kubelet then only has to look again.
    public internal(set) var doubt: String?
    /// The last lines of ``log``, once they were read: enough to hold a whole trace.
    public var logTail: [String] = []

    /// Whether it is the workload's own and does not pass by itself; what a node or the control plane lacks is not the
    /// workload's.
    public var isPermanent: Bool {
        switch code {
        case .nodeNotReady, .runtimeDown, .notScheduled, .notControlled: false
        default: patience != nil
        }
    }

    /// The sentence without the workload that it may begin with, for where that stands already.
    public var sentenceWithoutSubject: String {
        guard let subject, sentence.hasPrefix(subject) else { return sentence }
        return String(sentence.dropFirst(subject.count).drop { $0 == ":" || $0 == " " })
    }

    init(
        _ code: Code, _ sentence: String, remedy: String, pod: String? = nil, patience: Duration? = nil,
        log: LogSource? = nil, pull: PullAttempt? = nil, missing: MissingObject? = nil, subject: String? = nil
    ) {
        self.code = code
        self.sentence = sentence
        self.remedy = remedy
        self.pod = pod
        self.patience = patience
        self.log = log
        self.pull = pull
        self.missing = missing
        self.subject = subject
    }

    /// For causes that never pass by themselves: one more look, since a single one can catch a moment in between.
    static let confirmed: Duration = .seconds(2)
    /// For causes that a moment's shortage can bring about, such as old pods that still hold what new ones need.
    static let settled: Duration = .seconds(8)
    /// For causes outside the cluster that often pass.
    static let stubborn: Duration = .seconds(60)
    /// For what a part of the control plane does within a second, unless it is down or changes its leader.
    static let unattended: Duration = .seconds(25)

    /// The same trouble, where waiting on becomes pointless after another time.
    func lasting(_ patience: Duration?) -> Trouble {
        var result = Trouble(
            code, sentence, remedy: remedy, pod: pod, patience: patience, log: log, pull: pull, missing: missing,
            subject: subject)
        result.doubt = doubt
        result.logTail = logTail
        return result
    }

    /// The same trouble, with the workload in front.
    func told(about subject: String) -> Trouble {
        var result = self
        result.sentence = "\(subject): \(sentence)"
        result.subject = subject
        return result
    }

    /// The same trouble, with the log's last words in its sentence.
    func addingLog(_ text: String) -> Trouble {
        var result = self
        result.logTail = text.split(whereSeparator: \.isNewline).map { String($0.prefix(400)) }
            .filter { !$0.allSatisfy(\.isWhitespace) }
        // The frames of a stack trace tell an operator less than what stands before them.
        let telling = result.logTail.filter { !$0.contains(#/^\s*(from |at )?\S+:\d+:in /#) }
        let last = (telling.isEmpty ? result.logTail : telling).suffix(4)
        if !last.isEmpty { result.sentence += "; its log ends: " + last.joined(separator: " ⏎ ") }
        return result
    }
}
