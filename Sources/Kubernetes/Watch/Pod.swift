import Foundation

/// What a pod's status says about why it is or is not running.
struct Pod {
    let name: String
    let uid: String?
    let createdAt: Date
    let phase: String
    /// The kubelet's reason for ending the pod, such as `Evicted`.
    let reason: String
    let message: String
    let node: String?
    let isBeingDeleted: Bool
    /// Whether it ended, and is only still listed.
    let hasEnded: Bool
    let scheduled: Condition?
    let ready: Condition?
    /// Init containers first, in the order they start.
    let containers: [ContainerStatus]
    let pullSecrets: [String]

    init(_ object: JSONValue) {
        name = object["metadata", "name"]?.string ?? ""
        uid = object.uid
        createdAt = object["metadata", "creationTimestamp"]?.string.flatMap(Timestamp.date) ?? .distantPast
        phase = object["status", "phase"]?.string ?? ""
        reason = object["status", "reason"]?.string ?? ""
        message = object["status", "message"]?.string ?? ""
        node = object["spec", "nodeName"]?.string
        isBeingDeleted = object["metadata", "deletionTimestamp"] != nil
        hasEnded = object.isEndedPod
        scheduled = object.condition("PodScheduled")
        ready = object.condition("Ready")
        containers = ["initContainer", "container"].flatMap { prefix in
            // A status may name an image by its digest; the spec names it as the operator wrote it.
            let images = (object["spec", "\(prefix)s"]?.elements ?? []).map {
                ($0["name"]?.string ?? "", $0["image"]?.string)
            }
            let named = Dictionary(images) { first, _ in first }
            return (object["status", "\(prefix)Statuses"]?.elements ?? []).map { status in
                ContainerStatus(status, image: named[status["name"]?.string ?? ""] ?? nil)
            }
        }
        pullSecrets = (object["spec", "imagePullSecrets"]?.elements ?? []).compactMap { $0["name"]?.string }
    }

    /// `pod chatwoot-web-5d8 on k8s-worker-01`.
    var words: String { "pod \(name)\(node.map { " on \($0)" } ?? "")" }
}

/// What a container's status says.
struct ContainerStatus {
    let name: String
    let image: String
    let isReady: Bool
    let isRunning: Bool
    let restarts: Int
    /// Reason and message of a container that waits.
    let waiting: (reason: String, message: String)?
    /// How the present container ended.
    let terminated: Termination?
    /// How the one before it ended.
    let lastTerminated: Termination?

    struct Termination {
        let exitCode: Int
        let reason: String
        let message: String

        init?(_ state: JSONValue?) {
            guard let state else { return nil }
            exitCode = state["exitCode"]?.integer ?? -1
            reason = state["reason"]?.string ?? ""
            message = state["message"]?.string ?? ""
        }

        /// `ended with status 3`, or by which signal.
        var words: String {
            switch exitCode {
            case 129...159: "was ended by signal \(exitCode - 128)"
            default: "ended with status \(exitCode)"
            }
        }
    }

    init(_ status: JSONValue, image: String?) {
        name = status["name"]?.string ?? ""
        self.image = image ?? status["image"]?.string ?? ""
        isReady = status["ready"]?.bool ?? false
        isRunning = status["state", "running"] != nil
        restarts = status["restartCount"]?.integer ?? 0
        waiting = status["state", "waiting"].map { ($0["reason"]?.string ?? "", $0["message"]?.string ?? "") }
        terminated = Termination(status["state", "terminated"])
        lastTerminated = Termination(status["lastState", "terminated"])
    }
}
