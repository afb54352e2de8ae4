import Foundation

/// The state of a namespace at one moment: its workloads, pods and events, and the cluster's nodes.
struct NamespaceSnapshot {
    private let objects: [String: [JSONValue]]

    /// The resources in a snapshot.
    static let resources = [
        "deployments.apps", "replicasets.apps", "jobs.batch", "pods", "events", "nodes",
    ]

    init(_ items: [JSONValue]) {
        objects = Dictionary(grouping: items) { $0["kind"]?.string ?? "" }
    }

    func object(_ kind: String, named name: String) -> JSONValue? {
        objects[kind]?.first { $0["metadata", "name"]?.string == name }
    }

    func objects(_ kind: String, ownedBy owner: JSONValue) -> [JSONValue] {
        guard let uid = owner.uid else { return [] }
        return (objects[kind] ?? []).filter { object in
            (object["metadata", "ownerReferences"]?.elements ?? []).contains {
                $0["uid"]?.string == uid
            }
        }
    }

    func pods(ownedBy owner: JSONValue) -> [Pod] {
        objects("Pod", ownedBy: owner).map { Pod($0) }.sorted { $0.createdAt < $1.createdAt }
    }

    /// The events about the object with this uid, oldest first.
    func events(about uid: String?, reasons: String...) -> [Event] {
        (objects["Event"] ?? []).compactMap { Event($0, about: uid) }
            .filter { reasons.isEmpty || reasons.contains($0.reason) }
            .sorted { $0.time < $1.time }
    }

    /// The names of the cordoned nodes.
    var cordonedNodes: [String] {
        (objects["Node"] ?? []).map { NodeState($0) }.filter(\.isCordoned).map(\.name).sorted()
    }

    /// The verdict on a workload.
    func verdict(on workload: Workload) -> Verdict {
        switch workload {
        case .deployment(let name): deploymentVerdict(name)
        case .job(let name): jobVerdict(name)
        }
    }
}
