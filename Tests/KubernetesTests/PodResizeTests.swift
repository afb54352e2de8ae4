import ClientKit
import Testing

@testable import Kubernetes

/// A pod that was resized in place has other resources than its template, and says who wrote them.
@Suite struct PodResizeTests {
    private static let web: JSONValue = [
        "name": "web", "image": "x",
        "resources": ["limits": ["cpu": "1", "memory": "512Mi"], "requests": ["cpu": "250m"]],
    ]
    private static let deployment: JSONValue = [
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": [
            "name": "chatwoot-web", "namespace": "chatwoot", "uid": "d", "generation": 3,
            "annotations": ["deployment.kubernetes.io/revision": "2"],
        ],
        "spec": ["template": ["spec": ["containers": [web]]]], "status": ["observedGeneration": 3],
    ]

    private static func replicaSet(_ uid: String, revision: String) -> JSONValue {
        [
            "kind": "ReplicaSet",
            "metadata": [
                "uid": .string(uid), "annotations": ["deployment.kubernetes.io/revision": .string(revision)],
                "ownerReferences": [["uid": "d"]],
            ],
        ]
    }

    /// As 1.34 writes it: what `kubectl patch --subresource resize` changed is its own entry.
    private static func pod(
        _ name: String, owner: String = "new", subresource: String? = "resize", containers: [JSONValue],
        metadata: [String: JSONValue] = [:]
    ) -> JSONValue {
        var entry: [String: JSONValue] = [
            "manager": "kubectl-patch", "operation": "Update", "apiVersion": "v1", "time": "2026-11-25T20:51:17Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": [
                "f:spec": [
                    "f:containers": [
                        #"k:{"name":"web"}"#: [
                            "f:resources": ["f:limits": ["f:cpu": [:]], "f:requests": ["f:cpu": [:]]]
                        ]
                    ]
                ]
            ],
        ]
        entry["subresource"] = subresource.map { .string($0) }
        let own: [String: JSONValue] = [
            "name": .string(name), "ownerReferences": [["uid": .string(owner)]],
            "managedFields": [
                [
                    "manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1",
                    "fieldsV1": ["f:spec": ["f:containers": [#"k:{"name":"web"}"#: [".": [:], "f:image": [:]]]]],
                ], .object(entry),
            ],
        ]
        return [
            "kind": "Pod", "metadata": .object(own.merging(metadata) { $1 }),
            "spec": ["containers": .array(containers)],
            "status": ["phase": "Running"],
        ]
    }

    private static let resized: JSONValue = [
        "name": "web",
        "resources": [
            "limits": ["cpu": "2", "memory": "512Mi", "ephemeral-storage": "1Gi"], "requests": ["cpu": "500m"],
        ],
    ]
    private static let sidecar: JSONValue = ["name": "istio-proxy", "resources": ["limits": ["cpu": "2"]]]

    private func words(_ objects: JSONValue..., deployment: JSONValue = Self.deployment) -> [String] {
        let owners = [Self.replicaSet("new", revision: "2"), Self.replicaSet("old", revision: "1")]
        return PodResize.fields(of: deployment, among: owners + objects).map(\.description)
    }

    @Test func isNamedByPodAndField() {
        #expect(
            words(
                Self.pod("web-b", containers: [Self.sidecar, Self.resized]), Self.pod("web-a", containers: [Self.web]))
                == [
                    "pods[web-b].spec.containers[web].resources.limits.cpu: 2 → 1 "
                        + "(set by kubectl-patch, 2026-11-25T20:51:17Z)",
                    "pods[web-b].spec.containers[web].resources.requests.cpu: 500m → 250m "
                        + "(set by kubectl-patch, 2026-11-25T20:51:17Z)",
                ])
    }

    /// What a webhook gave the pod when it was made it gives the next one too.
    @Test func whatAPodHasFromItsBeginningIsNoDrift() {
        #expect(words(Self.pod("web", subresource: nil, containers: [Self.resized])) == [])
        #expect(words(Self.pod("web", subresource: "status", containers: [Self.resized])) == [])
    }

    @Test func podsThatGoAnywayDoNotCount() {
        #expect(words(Self.pod("web", owner: "old", containers: [Self.resized])) == [])
        #expect(
            words(
                Self.pod("web", containers: [Self.resized], metadata: ["deletionTimestamp": "2026-11-25T20:51:17Z"]))
                == [])
        let unseen = Self.deployment.setting([.field("metadata"), .field("generation")], to: 4)
        #expect(words(Self.pod("web", containers: [Self.resized]), deployment: unseen) == [])
    }

    /// The apply changes nothing of the Deployment, which then replaces its pods one after the other.
    @Test func theDeploymentReplacesThem() async throws {
        let namespace: JSONValue = ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": "chatwoot"]]
        let objects = [Self.replicaSet("new", revision: "2"), Self.pod("web", containers: [Self.resized])]
        func text(_ objects: [JSONValue]) -> String {
            String(decoding: JSONValue.list(objects).serialized(), as: UTF8.self)
        }
        let manifest = Samples.deployment("chatwoot")
        let get = ["get", "--ignore-not-found", "-o", "json"]
        let live = Self.deployment.setting(
            [.field("spec"), .field("selector")], to: manifest.json()["spec", "selector"])
        let shell = ScriptedShell([
            .read(get + ["--show-managed-fields", "-f", "-"], out: text([namespace, live])),
            .read(
                ["get", "replicasets.apps,pods", "-o", "json", "--show-managed-fields", "--namespace", "chatwoot"],
                out: text(objects)),
            .change(
                ["apply"] + ClusterWriter.serverSide + ["-o", "go-template=\(AppliedObject.template)", "-f", "-"],
                out: "Deployment\tchatwoot\tchatwoot-web\t17\n"),
            .read(get + ["-f", "-"], out: text([live])),
            .change(["rollout", "restart", "deployment/chatwoot-web", "--namespace", "chatwoot"]),
        ])
        try await ClusterWriter(shell: shell, kubeconfig: "/root/.kube/config", requestTimeout: .seconds(15)).apply([
            manifest
        ])
        #expect(shell.remaining == 0)
    }
}

@Suite struct DeletionTests {
    @Test func aNamespaceSaysWhatItWaitsFor() throws {
        let namespace: JSONValue = [
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": ["name": "chatwoot", "deletionTimestamp": "2026-11-25T20:51:17Z"],
            "spec": ["finalizers": ["kubernetes"]],
            "status": [
                "phase": "Terminating",
                "conditions": [
                    [
                        "type": "NamespaceDeletionDiscoveryFailure", "status": "False",
                        "message": "All resources successfully discovered",
                    ],
                    [
                        "type": "NamespaceContentRemaining", "status": "True", "reason": "SomeResourcesRemain",
                        "message": "Some resources are remaining: deployments.apps has 1 resource instances",
                    ],
                    [
                        "type": "NamespaceFinalizersRemaining", "status": "True", "reason": "SomeFinalizersRemain",
                        "message":
                            "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances",
                    ],
                ],
            ],
        ]
        let deletion = try #require(Deletion(of: namespace))
        #expect(
            deletion.reason
                == " (blocked by NamespaceContentRemaining: Some resources are remaining: deployments.apps has 1 resource "
                + "instances; NamespaceFinalizersRemaining: Some content in the namespace has finalizers remaining: "
                + "example.com/hold in 1 resource instances)")
        #expect(Deletion(of: ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": "chatwoot"]]) == nil)
    }
}
