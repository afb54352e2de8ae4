import Foundation

/// One look at a namespace: its workloads, pods and events, and the cluster's nodes.
struct Snapshot {
    private let objects: [String: [JSONValue]]

    /// What to list for a snapshot.
    static let resources = ["deployments.apps", "replicasets.apps", "jobs.batch", "pods", "events", "nodes"]

    init(_ items: [JSONValue]) {
        objects = Dictionary(grouping: items) { $0["kind"]?.string ?? "" }
    }

    func object(_ kind: String, named name: String) -> JSONValue? {
        objects[kind]?.first { $0["metadata", "name"]?.string == name }
    }

    func objects(_ kind: String, ownedBy owner: JSONValue) -> [JSONValue] {
        guard let uid = owner.uid else { return [] }
        return (objects[kind] ?? []).filter { object in
            (object["metadata", "ownerReferences"]?.elements ?? []).contains { $0["uid"]?.string == uid }
        }
    }

    func pods(ownedBy owner: JSONValue) -> [Pod] {
        objects("Pod", ownedBy: owner).map { Pod($0) }.sorted { $0.createdAt < $1.createdAt }
    }

    /// The events about an object with this uid, oldest first.
    func events(about uid: String?, reasons: String...) -> [Event] {
        (objects["Event"] ?? []).compactMap { Event($0, about: uid) }
            .filter { reasons.isEmpty || reasons.contains($0.reason) }
            .sorted { $0.time < $1.time }
    }

    /// The nodes that were told to take no new pods.
    var cordonedNodes: [String] {
        (objects["Node"] ?? []).map { NodeState($0) }.filter(\.isCordoned).map(\.name).sorted()
    }
}

/// An event, oldest form and newest alike.
struct Event {
    let reason: String
    let message: String
    let time: Date

    init?(_ object: JSONValue, about uid: String?) {
        guard let uid, object["involvedObject", "uid"]?.string == uid else { return nil }
        reason = object["reason"]?.string ?? ""
        message = object["message"]?.string ?? ""
        let stamps = [
            object["series", "lastObservedTime"], object["lastTimestamp"], object["eventTime"],
            object["metadata", "creationTimestamp"],
        ]
        time = stamps.lazy.compactMap { $0?.string.flatMap(Timestamp.date) }.first ?? .distantPast
    }
}

/// A condition of an object's status.
struct Condition {
    let status: String
    let reason: String
    let message: String
    /// When it came to have this status.
    let since: Date?
}

extension JSONValue {
    var uid: String? { self["metadata", "uid"]?.string }

    func condition(_ type: String) -> Condition? {
        let found = (self["status", "conditions"]?.elements ?? []).first { $0["type"]?.string == type }
        return found.map { condition in
            Condition(
                status: condition["status"]?.string ?? "", reason: condition["reason"]?.string ?? "",
                message: condition["message"]?.string ?? "",
                since: condition["lastTransitionTime"]?.string.flatMap(Timestamp.date))
        }
    }
}
