import Foundation

/// What a pod's status says about why it is or is not running.
struct Pod: CustomStringConvertible {
    let name: String
    let uid: String?
    let createdAt: Date
    let phase: String
    /// The kubelet's reason for terminating the pod, such as `Evicted`.
    let reason: String
    let message: String
    let node: String?
    let isBeingDeleted: Bool
    /// Whether it has terminated and is merely still listed.
    let hasEnded: Bool
    let scheduled: Condition?
    /// The scheduling gates that have not been removed yet.
    let schedulingGates: [String]
    let ready: Condition?
    /// Init containers first, in the order in which they start.
    let containers: [ContainerStatus]
    let pullSecrets: [String]

    init(_ object: JSONValue) {
        name = object["metadata", "name"]?.string ?? ""
        uid = object.uid
        createdAt =
            object["metadata", "creationTimestamp"]?.string.flatMap(Timestamp.date) ?? .distantPast
        phase = object["status", "phase"]?.string ?? ""
        reason = object["status", "reason"]?.string ?? ""
        message = object["status", "message"]?.string ?? ""
        node = object["spec", "nodeName"]?.string
        isBeingDeleted = object["metadata", "deletionTimestamp"] != nil
        hasEnded = object.isEndedPod
        scheduled = object.condition("PodScheduled")
        schedulingGates = (object["spec", "schedulingGates"]?.elements ?? [])
            .compactMap { $0["name"]?.string }
        ready = object.condition("Ready")
        containers = ["initContainer", "container"].flatMap { prefix in
            // A status may name an image by its digest; the spec has the name that the operator
            // wrote.
            let images = (object["spec", "\(prefix)s"]?.elements ?? []).map {
                ($0["name"]?.string ?? "", $0["image"]?.string)
            }
            let named = Dictionary(images) { first, _ in first }
            return (object["status", "\(prefix)Statuses"]?.elements ?? []).map { status in
                ContainerStatus(status, image: named[status["name"]?.string ?? ""] ?? nil)
            }
        }
        pullSecrets = (object["spec", "imagePullSecrets"]?.elements ?? [])
            .compactMap { $0["name"]?.string }
    }

    /// `pod web-5d8 on k8s-worker-01`.
    var description: String { "pod \(name)\(node.map { " on \($0)" } ?? "")" }
}

extension JSONValue {
    /// Whether this Pod object has terminated, successfully or not: its containers will never run
    /// again.
    ///
    /// Such a pod is listed until somebody deletes it, as evicted pods are, and says nothing about
    /// its replacements.
    public var isEndedPod: Bool {
        ["Succeeded", "Failed"].contains(self["status", "phase"]?.string)
    }
}
