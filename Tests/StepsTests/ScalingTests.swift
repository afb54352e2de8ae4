import ClientKit
import Kubernetes
import StepKit
import Testing

@testable import Steps

/// How many pods are wanted, who decides it, and what is said where there are none.
@Suite struct ScalingTests {
    private static func scaling(worker: String, _ objects: JSONValue...) throws -> Scaling {
        Scaling(
            inventory: try SiteSample.inventory([("\"web\": 2, \"worker\": 2", "\"web\": 2, \"worker\": \(worker)")]),
            objects: objects)
    }

    private static func deployment(_ replicas: JSONValue?, annotations: JSONValue = [:]) -> JSONValue {
        var spec: [String: JSONValue] = [:]
        spec["replicas"] = replicas
        return [
            "kind": "Deployment", "metadata": ["name": "chatwoot-worker", "annotations": annotations],
            "spec": .object(spec),
        ]
    }

    private static func autoscaler(
        of target: String = "chatwoot-worker", kind: String = "Deployment", minimum: JSONValue = 2,
        owner: JSONValue = []
    ) -> JSONValue {
        [
            "kind": "HorizontalPodAutoscaler",
            "metadata": ["name": "busy", "namespace": "chatwoot", "ownerReferences": owner],
            "spec": [
                "minReplicas": minimum, "maxReplicas": 7,
                "scaleTargetRef": ["kind": .string(kind), "name": .string(target)],
            ],
        ]
    }

    @Test func theInventorysNumberOutranksTheCluster() throws {
        #expect(try Self.scaling(worker: "3", Self.deployment(5)).wanted("chatwoot-worker") == 3)
        #expect(try Self.scaling(worker: "3").wanted("chatwoot-worker") == 3)
    }

    @Test func aCountThatIsLeftIsTheDeployments() throws {
        #expect(try Self.scaling(worker: "\"leave\"", Self.deployment(5)).wanted("chatwoot-worker") == 5)
        #expect(try Self.scaling(worker: "\"leave\"", Self.deployment(0)).wanted("chatwoot-worker") == 0)
        // The API server's own default, and that of a Deployment that is still to be made.
        #expect(try Self.scaling(worker: "\"leave\"", Self.deployment(nil)).wanted("chatwoot-worker") == 1)
        #expect(try Self.scaling(worker: "\"leave\"").wanted("chatwoot-worker") == 1)
    }

    @Test func anAutoscalerOfWhatTheInventoryGivesANumberForIsRefusedWithTheLineToWrite() throws {
        let failures = try Self.scaling(worker: "3", Self.deployment(5), Self.autoscaler()).contradictions
        let failure = try #require(failures.first)
        #expect(failures.count == 1)
        #expect(failure.kind == .badInput)
        #expect(
            failure.cause
                == "HorizontalPodAutoscaler chatwoot/busy scales it between 2 and 7 pods, and the inventory says 3: "
                + "each would undo the changes of the other")
        #expect(
            failure.remedy.contains(
                #"write "replicas": { "worker": "leave" } under "chatwoot" into /etc/keybuzz/inventory.json"#))
        #expect(failure.remedy.contains("kubectl -n chatwoot delete hpa busy"))
    }

    @Test func whoMadeTheAutoscalerIsNamed() throws {
        let owner: JSONValue = [["kind": "ScaledObject", "name": "queues"]]
        let failure = try Self.scaling(worker: "3", Self.autoscaler(owner: owner)).contradictions.first
        #expect(failure?.cause.hasPrefix("HorizontalPodAutoscaler chatwoot/busy of ScaledObject queues scales") == true)
    }

    @Test func anAutoscalerOfSomethingElseIsNobodysBusiness() throws {
        #expect(try Self.scaling(worker: "\"leave\"", Self.autoscaler()).contradictions.isEmpty)
        #expect(try Self.scaling(worker: "3", Self.autoscaler(of: "other")).contradictions.isEmpty)
        #expect(try Self.scaling(worker: "3", Self.autoscaler(kind: "StatefulSet")).contradictions.isEmpty)
    }

    @Test func noneIsBlamedOnWhoeverScalesAndOnNothingElse() throws {
        let byHand = try Self.scaling(worker: "\"leave\"", Self.deployment(0)).leftAtNone("chatwoot-worker")
        #expect(
            byHand?.found
                == "Deployment chatwoot-worker is scaled to 0, and the inventory leaves the number to others"
        )
        #expect(byHand?.remedy == "kubectl -n chatwoot scale deployment/chatwoot-worker --replicas=2")
        let itself = try Self.scaling(worker: "\"leave\"", Self.deployment(0), Self.autoscaler(minimum: 0))
            .leftAtNone("chatwoot-worker")
        #expect(
            itself?.found
                == "Deployment chatwoot-worker is scaled to 0 by HorizontalPodAutoscaler chatwoot/busy, whose minReplicas is 0"
        )
        // An autoscaler that wants two never scales to none: that was a hand, and it pauses the autoscaler.
        let despite = try Self.scaling(worker: "\"leave\"", Self.deployment(0), Self.autoscaler()).leftAtNone(
            "chatwoot-worker")
        #expect(despite?.remedy == byHand?.remedy)
        #expect(try Self.scaling(worker: "2", Self.deployment(0)).leftAtNone("chatwoot-worker") == nil)
        #expect(try Self.scaling(worker: "\"leave\"", Self.deployment(1)).leftAtNone("chatwoot-worker") == nil)
        #expect(try Self.scaling(worker: "\"leave\"").leftAtNone("chatwoot-worker") == nil)
    }

    @Test func whatAResetTookIsBroughtBackOnlyWhereNoNumberDoesThat() throws {
        let noted: JSONValue = ["keybuzz.io/replicas-before-reset": "4"]
        let left = try Self.scaling(worker: "\"leave\"", Self.deployment(0, annotations: noted))
        #expect(left.beforeReset("chatwoot-worker") == 4)
        #expect(left.isToBeBroughtBack("chatwoot-worker"))
        let scaled = try Self.scaling(worker: "\"leave\"", Self.deployment(1, annotations: noted))
        #expect(!scaled.isToBeBroughtBack("chatwoot-worker"))
        let numbered = try Self.scaling(worker: "2", Self.deployment(0, annotations: noted))
        #expect(!numbered.isToBeBroughtBack("chatwoot-worker"))
        #expect(try !Self.scaling(worker: "\"leave\"", Self.deployment(0)).isToBeBroughtBack("chatwoot-worker"))
    }
}
