import Kubernetes
import Testing

@testable import Steps

/// Which pods a run deletes, so that their ReplicaSet makes new ones at once.
@Suite struct StuckPodTests {
    private static let owner: JSONValue = [
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "chatwoot-worker-5d8f", "uid": "1", "controller": true,
    ]

    /// A worker's pod with these states of its containers, each of which is its name's.
    private static func pod(
        _ states: [String: JSONValue], labels: JSONValue = ["app": "chatwoot", "component": "worker"],
        owners: JSONValue = [owner], deleted: JSONValue? = nil
    ) -> JSONValue {
        var metadata: [String: JSONValue] = [
            "name": "chatwoot-worker-5d8f-abcde", "labels": labels, "ownerReferences": owners,
        ]
        metadata["deletionTimestamp"] = deleted
        let containers = states.map { name, state in JSONValue.object(["name": .string(name), "state": state]) }
        return [
            "apiVersion": "v1", "kind": "Pod", "metadata": .object(metadata),
            "status": ["phase": "Running", "containerStatuses": .array(containers)],
        ]
    }

    private static let ended: JSONValue = ["terminated": ["exitCode": 1, "reason": "Error"]]
    private static func waiting(_ reason: JSONValue) -> JSONValue { ["waiting": ["reason": reason]] }

    @Test(arguments: [waiting("CrashLoopBackOff"), waiting("ImagePullBackOff"), waiting("ErrImagePull"), ended])
    func whatTheKubeletStartsLaterIsDeleted(_ state: JSONValue) {
        #expect(Self.pod(["worker": state]).isStuckPod)
        #expect(Self.pod(["worker": state, "istio-proxy": ["running": [:]]]).isStuckPod)
    }

    @Test func whatRunsOrBeginsIsKept() {
        #expect(!Self.pod(["worker": ["running": [:]]]).isStuckPod)
        #expect(!Self.pod(["worker": Self.waiting("ContainerCreating")]).isStuckPod)
        #expect(!Self.pod([:]).isStuckPod)
        #expect(!Self.pod(["worker": Self.ended], deleted: "2026-11-27T22:00:00Z").isStuckPod)
    }

    /// An injected container that ended stops no job of the worker beside it.
    @Test(arguments: [waiting("CrashLoopBackOff"), waiting("ImagePullBackOff"), ended])
    func aWorkerBesideAnInjectedContainerThatEndedIsKept(_ state: JSONValue) {
        #expect(!Self.pod(["worker": ["running": [:]], "injected": state]).isStuckPod)
    }

    /// Another application may call its parts web and worker, too, and nobody makes a pod again that has no owner.
    @Test func podsOfOthersAreKept() {
        let copy: JSONValue = ["kind": "StatefulSet", "name": "chatwoot-worker-copy", "uid": "2", "controller": true]
        let other: JSONValue = ["kind": "ReplicaSet", "name": "shop-worker-77c", "uid": "3", "controller": true]
        for owners in [[], [copy], [other]] as [JSONValue] {
            #expect(!Self.pod(["worker": Self.ended], owners: owners).isStuckPod)
        }
        let migrations: JSONValue = ["app": "chatwoot", "component": "migrations"]
        #expect(!Self.pod(["migrations": Self.ended], labels: migrations).isStuckPod)
    }
}
