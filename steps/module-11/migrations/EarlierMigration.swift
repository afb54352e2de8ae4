import Kubernetes
import StepKit

/// The state of an earlier run's Job, according to the cluster: whether any part of it may still be
/// working.
enum EarlierMigration: Sendable, Hashable {
    /// No part of it can still be working.
    case over
    /// It has ended, and these of its pods are still terminating, for up to `grace` seconds.
    case leaving([String], grace: Int)
    /// None of its containers has ever started.
    case notStarted
    /// One of its containers is running, according to its node.
    case running
    /// It may be running; the node of this pod does not report.
    case unseen(pod: String, node: String)

    /// Determines the state of a Job from its pods, including those that outlived it, and from the
    /// cluster's nodes.
    ///
    /// `job` is `nil` for pods whose Job is gone.
    init(job: JSONValue?, pods: [JSONValue], nodes: [JSONValue]) {
        let left = pods.filter { !$0.isEndedPod }
        let isEnded = job.map { $0.isEndingJob || $0["metadata", "deletionTimestamp"] != nil } ?? true
        if left.isEmpty {
            self = isEnded ? .over : .notStarted
            return
        }
        if let pod = left.first(where: { $0.mayHaveStarted && !nodes.isReady($0["spec", "nodeName"]?.string) }) {
            self = .unseen(pod: pod.objectName, node: pod["spec", "nodeName"]?.string ?? "?")
        } else if isEnded || left.contains(where: { $0["metadata", "deletionTimestamp"] != nil }) {
            let grace = left.map { pod in
                pod["metadata", "deletionGracePeriodSeconds"]?.integer
                    ?? pod["spec", "terminationGracePeriodSeconds"]?.integer ?? 30
            }
            self = .leaving(left.map(\.objectName), grace: grace.max() ?? 30)
        } else {
            self = left.contains(where: \.hasStarted) ? .running : .notStarted
        }
    }
}

/// The end of a Job whose containers have certainly ended.
struct MigrationEnd: Sendable, Hashable {
    /// When the API server was told, in RFC 3339.
    let time: String
    /// Whether the kubelet reported the end of each container; otherwise the pods are gone, and a kubelet may still be
    /// ending what was removed by force.
    let isReported: Bool

    /// `nil` if a container may be running, or if there is no Job any more to tell.
    ///
    /// - Parameter workers: The nodes that the cluster should have.
    init?(job: JSONValue?, pods: [JSONValue], nodes: [JSONValue], workers: [String]) {
        guard let time = job?.endOfJob else { return nil }
        // Without a pod it is its kubelet that ends what may be left of it, and nobody knows any more which one: also one
        // whose Node object was deleted while it could not be reached.
        let isEnded =
            pods.isEmpty
            ? nodes.areAllReady && workers.allSatisfy(nodes.isReady) : pods.allSatisfy(\.hasOnlyEndedContainers)
        guard isEnded else { return nil }
        self.time = time
        isReported = !pods.isEmpty
    }
}

/// Since when the ends of Jobs have been seen, without a break.
struct SeenEnds: Sendable {
    private var first: [String: (end: MigrationEnd, time: ContinuousClock.Instant)] = [:]
    private let patience: Duration

    /// `patience` is how long a kubelet may take to end what was removed by force.
    init(patience: Duration) {
        self.patience = patience
    }

    /// Whether no container of `job` can be left: its kubelet has reported that, or has had the time to end them.
    mutating func isCertain(_ end: MigrationEnd?, of job: String, at now: ContinuousClock.Instant) -> Bool {
        guard let end else {
            first[job] = nil
            return false
        }
        if first[job]?.end != end { first[job] = (end, now) }
        return end.isReported || first[job].map { now - $0.time > patience } == true
    }
}

extension JSONValue {
    fileprivate var objectName: String { self["metadata", "name"]?.string ?? "?" }

    private func isTrue(_ condition: String) -> Bool { trueCondition(condition) != nil }

    private func trueCondition(_ condition: String) -> JSONValue? {
        (self["status", "conditions"]?.elements ?? []).first {
            $0["type"]?.string == condition && $0["status"]?.string == "True"
        }
    }

    /// Whether a Job has succeeded.
    var isCompleteJob: Bool { isTrue("Complete") }

    /// Whether a Job has ended.
    var isFinishedJob: Bool { isTrue("Complete") || isTrue("Failed") }

    /// Whether a Job has ended, or is only waiting for its pods to terminate: newer clusters show
    /// that as FailureTarget and SuccessCriteriaMet.
    fileprivate var isEndingJob: Bool { isFinishedJob || isTrue("FailureTarget") || isTrue("SuccessCriteriaMet") }

    /// When a Job ended, in RFC 3339.
    fileprivate var endOfJob: String? {
        (trueCondition("Complete") ?? trueCondition("Failed"))?["lastTransitionTime"]?.string
    }

    /// Whether the kubelet has reported the end of each container of a pod.
    ///
    /// The phase may come of a controller that has given up the pod's node; the states of containers come of the kubelet.
    fileprivate var hasOnlyEndedContainers: Bool {
        let wanted = (self["spec", "containers"]?.elements ?? []).count
        let statuses = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"].map {
            self["status", $0]?.elements ?? []
        }
        return isEndedPod && wanted > 0 && statuses[0].count == wanted
            && statuses.joined().allSatisfy { $0["state", "terminated"] != nil }
    }

    /// Whether a container of a pod has ever been started, according to the node's last report.
    fileprivate var hasStarted: Bool {
        if self["status", "phase"]?.string != "Pending" { return true }
        let statuses = ["initContainerStatuses", "containerStatuses"].flatMap { self["status", $0]?.elements ?? [] }
        return statuses.contains { status in
            status["state", "running"] != nil || status["state", "terminated"] != nil
                || status["lastState", "terminated"] != nil
                || (status["restartCount"]?.integer ?? 0) > 0
        }
    }

    fileprivate var isReadyNode: Bool { isTrue("Ready") }

    /// Whether a container of a pod may have been started by now: the last report of a silent node
    /// may be outdated.
    fileprivate var mayHaveStarted: Bool { self["spec", "nodeName"]?.string != nil }

    /// Whether no pod of a Job with a container of Chatwoot's has ever started, and one may: it is not suspended.
    func hasNeverRun(in pods: [JSONValue]) -> Bool {
        !images.isEmpty && self["spec", "suspend"]?.bool != true
            && ["failed", "succeeded"].allSatisfy { (self["status", $0]?.integer ?? 0) == 0 }
            && !pods.contains(where: \.hasStarted)
    }

    /// The images of a pod template's containers, without injected ones.
    var images: [String] {
        (self["spec", "template", "spec", "containers"]?.elements ?? []).filter {
            ["web", "worker", "migrations"].contains($0["name"]?.string)
        }.compactMap { $0["image"]?.string }
    }
}

extension [JSONValue] {
    /// Whether the node `name` reports that it is ready; false for an unknown node.
    fileprivate func isReady(_ name: String?) -> Bool {
        first { $0["metadata", "name"]?.string == name }?.isReadyNode ?? false
    }

    /// Whether each of these nodes reports that it is ready; false if there is none.
    fileprivate var areAllReady: Bool { !isEmpty && allSatisfy(\.isReadyNode) }
}
