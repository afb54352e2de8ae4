import Testing

@testable import Kubernetes

/// Fields that webhooks and the API server set beside those that a manifest sends.
@Suite struct AdmissionFieldTests {
    private static let deployment = ObjectReference(
        apiVersion: "apps/v1", kind: "Deployment", namespace: "chatwoot", name: "chatwoot-web")

    /// What a Deployment's manifest sends, and what is live once webhooks have written to it besides.
    private static let sent: JSONValue = [
        "metadata": ["annotations": ["ours": "1"]],
        "spec": [
            "replicas": 2, "template": ["spec": ["containers": [["name": "web", "image": "a"]]]],
        ],
    ]

    private static func live(
        stamp: JSONValue?, sidecar: JSONValue?, replicas: JSONValue = 2
    ) -> JSONValue {
        var annotations: [String: JSONValue] = ["ours": "1"]
        annotations["stamp"] = stamp
        var containers: [JSONValue] = [
            ["name": "web", "image": "a", "env": [["name": "MESH", "value": "x"]]]
        ]
        if let sidecar { containers.append(["name": "istio-proxy", "image": sidecar]) }
        return [
            "metadata": [
                "annotations": .object(annotations),
                "managedFields": [
                    [
                        "manager": "keybuzz-runner", "operation": "Apply",
                        "fieldsV1": [
                            "f:metadata": ["f:annotations": ["f:ours": [:]]],
                            "f:spec": [
                                "f:replicas": [:], "f:revisionHistoryLimit": [:],
                                "f:template": [
                                    "f:spec": [
                                        "f:containers": [
                                            #"k:{"name":"web"}"#: [".": [:], "f:image": [:]]
                                        ]
                                    ]
                                ],
                            ],
                        ],
                    ]
                ],
            ],
            "spec": [
                "replicas": replicas, "template": ["spec": ["containers": .array(containers)]],
            ],
        ]
    }

    private func admitted(_ live: JSONValue, _ applied: JSONValue) -> [String] {
        Comparison.fields(Self.deployment, live: live, applied: applied, sent: Self.sent).map(
            \.path)
    }

    @Test func whatAWebhookWritesOtherwiseEachTimeIsNoDifference() {
        let live = Self.live(stamp: "1", sidecar: "proxyv2:1")
        let applied = Self.live(stamp: "2", sidecar: "proxyv2:2")
        #expect(admitted(live, applied) == [])
        #expect(
            admitted(Self.live(stamp: "1", sidecar: "1", replicas: 3), applied) == ["spec.replicas"]
        )
    }

    @Test func whatAWebhookWouldAddIsToldOnlyBesideADifferenceOfOurs() {
        let applied = Self.live(stamp: "2", sidecar: "proxyv2:2")
        #expect(admitted(Self.live(stamp: nil, sidecar: nil), applied) == [])
        #expect(
            admitted(Self.live(stamp: nil, sidecar: nil, replicas: 3), applied) == [
                "metadata.annotations.stamp", "spec.replicas",
                "spec.template.spec.containers[istio-proxy]",
            ])
    }

    /// An image that a webhook writes anew is the same on both sides; one that is not, somebody changed.
    @Test func whatWeSendIsComparedWhateverAWebhookMakesOfIt() {
        let image = [
            FieldStep.field("spec"), .field("template"), .field("spec"), .field("containers"),
            .element(["name": "web"]), .field("image"),
        ]
        let live = Self.live(stamp: "1", sidecar: "1")
        let mirrored = live.setting(image[...], to: "mirror.example/a")
        #expect(admitted(mirrored, mirrored) == [])
        #expect(admitted(live, mirrored) == ["spec.template.spec.containers[web].image"])
    }

    /// Our next apply gives these their default without sending them.
    @Test func whatWeOrClientSideAppliesHaveSetBeforeIsTold() {
        let path: [FieldStep] = [.field("spec"), .field("revisionHistoryLimit")]
        let live = Self.live(stamp: "1", sidecar: "1").setting(path[...], to: 5)
        let applied = Self.live(stamp: "1", sidecar: "1").setting(path[...], to: 10)
        #expect(admitted(live, applied) == ["spec.revisionHistoryLimit"])
        let clientSide = live.setting(
            [.field("metadata"), .field("managedFields")],
            to: [
                [
                    "manager": "kubectl-client-side-apply", "operation": "Update",
                    "fieldsV1": ["f:spec": ["f:revisionHistoryLimit": [:]]],
                ]
            ])
        #expect(admitted(clientSide, applied) == ["spec.revisionHistoryLimit"])
    }
}
