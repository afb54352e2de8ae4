import Kubernetes
import Testing

@testable import Steps

/// The proof that the wanted pods are available, which a status alone does not give.
@Suite struct PodShortageTests {
    private func pod(_ name: String, component: String, phase: String = "Running") -> JSONValue {
        [
            "kind": "Pod",
            "metadata": ["name": .string(name), "labels": ["component": .string(component)]],
            "status": ["phase": .string(phase)],
        ]
    }

    private func worker(available: Int, generation: Int = 3, observed: Int = 3) -> JSONValue {
        [
            "kind": "Deployment",
            "metadata": ["name": "chatwoot-worker", "generation": .integer(Int64(generation))],
            "status": [
                "availableReplicas": .integer(Int64(available)),
                "observedGeneration": .integer(Int64(observed)),
            ],
        ]
    }

    private func shortage(_ objects: [JSONValue]) -> String? {
        ProveService.shortage(of: ChatwootNames.worker, wanted: 2, objects: objects)
    }

    @Test func theStatusAndThePodsMustBothShowThem() {
        let pods = [
            pod("a", component: "worker"), pod("b", component: "worker"), pod("c", component: "web"),
        ]
        #expect(shortage([worker(available: 2)] + pods) == nil)
        #expect(shortage([worker(available: 1)] + pods) == "1 are")
        #expect(shortage([worker(available: 2, observed: 2)] + pods) == "2 are")
        #expect(shortage(pods) == "there is none")
    }

    /// Without a controller manager, nobody counts again: the status outlives its pods.
    @Test func aStatusThatOutlivesItsPodsProvesNothing() {
        let one = [
            worker(available: 2), pod("a", component: "worker"), pod("c", component: "web"),
            pod("gone", component: "worker", phase: "Failed"),
        ]
        #expect(shortage(one) == "its status reports 2, but only 1 exists")
        #expect(
            shortage([worker(available: 2), pod("c", component: "web")])
                == "its status reports 2, but only 0 exist")
    }
}
