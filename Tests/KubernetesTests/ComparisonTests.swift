import ClientKit
import Testing

@testable import Kubernetes

@Suite struct ComparisonTests {
    private let deployment = ObjectReference(
        apiVersion: "apps/v1", kind: "Deployment", namespace: "chatwoot", name: "chatwoot-web")

    private func fields(_ live: JSONValue, _ applied: JSONValue, of reference: ObjectReference? = nil)
        -> [FieldDifference]
    {
        Comparison.fields(reference ?? deployment, live: live, applied: applied)
    }

    @Test func whatTheServerKeepsForItselfIsNoDifference() {
        let live: JSONValue = [
            "metadata": ["name": "a", "resourceVersion": "1", "generation": 1, "uid": "u", "managedFields": []],
            "status": ["replicas": 1], "spec": ["replicas": 2],
        ]
        let applied: JSONValue = [
            "metadata": ["name": "a", "resourceVersion": "2", "generation": 2, "uid": "u"], "spec": ["replicas": 2],
        ]
        #expect(Comparison.fields(deployment, live: live, applied: applied) == [])
    }

    @Test func elementsAreToldApartByTheirKeys() {
        let live: JSONValue = ["spec": ["containers": [["name": "a", "image": "1"], ["name": "b", "image": "1"]]]]
        let applied: JSONValue = ["spec": ["containers": [["name": "b", "image": "2"], ["name": "a", "image": "1"]]]]
        #expect(fields(live, applied).map(\.description) == ["spec.containers[b].image: 1 → 2"])
    }

    @Test func anElementThatComesOrGoesIsOneDifference() {
        let live: JSONValue = ["spec": ["containers": [["name": "a", "env": [["name": "X", "value": "1"]]]]]]
        let applied: JSONValue = ["spec": ["containers": [["name": "a", "env": [["name": "Y", "value": "2"]]]]]]
        #expect(
            fields(live, applied).map(\.description) == [
                #"spec.containers[a].env[Y]: added: {"name":"Y","value":"2"}"#,
                "spec.containers[a].env[X]: removed",
            ])
    }

    @Test func anotherKeyOfTheSameElementIsToldByItsMembers() {
        let live: JSONValue = [
            "ports": [
                ["name": "http", "port": 3001, "protocol": "UDP"], ["name": "other", "port": 1, "protocol": "TCP"],
            ],
            "topologySpreadConstraints": [["maxSkew": 1, "topologyKey": "a", "whenUnsatisfiable": "DoNotSchedule"]],
        ]
        let applied: JSONValue = [
            "ports": [["name": "http", "port": 3000, "protocol": "TCP"]],
            "topologySpreadConstraints": [["maxSkew": 1, "topologyKey": "a", "whenUnsatisfiable": "ScheduleAnyway"]],
        ]
        #expect(
            fields(live, applied).map(\.description) == [
                "ports[3001].port: 3001 → 3000", "ports[3001].protocol: UDP → TCP",
                #"ports[1]: removed: {"name":"other","port":1,"protocol":"TCP"}"#,
                "topologySpreadConstraints[a,DoNotSchedule].whenUnsatisfiable: DoNotSchedule → ScheduleAnyway",
            ])
    }

    @Test func anotherOrderIsADifferenceOfItsOwn() {
        let live: JSONValue = ["env": [["name": "X"], ["name": "Y"]]]
        let applied: JSONValue = ["env": [["name": "Y"], ["name": "X"]]]
        #expect(fields(live, applied).map(\.path) == ["env"])
    }

    @Test func listsWithoutKeysAreComparedByPosition() {
        let live: JSONValue = ["spec": ["args": ["a", "b"], "ports": [["port": 80, "protocol": "TCP"]]]]
        let applied: JSONValue = ["spec": ["args": ["a", "c", "d"], "ports": [["port": 81, "protocol": "TCP"]]]]
        #expect(
            fields(live, applied).map(\.path) == ["spec.args[1]", "spec.args[2]", "spec.ports[81]", "spec.ports[80]"])
    }

    @Test func annotationsStandInBrackets() {
        let path = [
            FieldStep.field("metadata"), .field("annotations"), .field("nginx.ingress.kubernetes.io/proxy-body-size"),
        ]
        #expect(path.displayText == "metadata.annotations[nginx.ingress.kubernetes.io/proxy-body-size]")
    }

    @Test func anObjectThatComesIsToldMemberByMember() {
        let live: JSONValue = ["metadata": [:]]
        let applied: JSONValue = ["metadata": ["labels": ["a": "1", "b": "2"]]]
        #expect(
            fields(live, applied).map(\.description) == [
                "metadata.labels.a: added: 1", "metadata.labels.b: added: 2",
            ])
    }

    @Test func theManagerIsTheOneWhoOwnsThePathAndWroteLast() {
        let live: JSONValue = [
            "metadata": [
                "managedFields": [
                    [
                        "manager": "keybuzz-runner", "time": "2026-11-24T09:00:00Z",
                        "fieldsV1": ["f:spec": ["f:replicas": [:]]],
                    ],
                    [
                        "manager": "early", "time": "2026-11-24T09:01:00Z",
                        "fieldsV1": ["f:spec": ["f:replicas": [:]]],
                    ],
                    [
                        "manager": "horizontal-pod-autoscaler", "time": "2026-11-24T09:02:00Z",
                        "fieldsV1": ["f:spec": ["f:replicas": [:]]],
                    ],
                    ["manager": "other", "time": "2026-11-24T09:03:00Z", "fieldsV1": ["f:spec": ["f:paused": [:]]]],
                ]
            ],
            "spec": ["replicas": 5],
        ]
        let applied: JSONValue = ["metadata": [:], "spec": ["replicas": 2]]
        #expect(
            fields(live, applied).map(\.description) == [
                "spec.replicas: 5 → 2 (set by horizontal-pod-autoscaler, 2026-11-24T09:02:00Z)"
            ])
    }

    @Test func whoOwnsAListAsAWholeOwnsWhatIsInIt() {
        let managers = FieldManagers(of: [
            "metadata": [
                "managedFields": [
                    [
                        "manager": "hand",
                        "fieldsV1": [
                            "f:spec": [
                                "f:rules": [:],
                                "f:containers": [#"k:{"name":"a"}"#: [".": [:], "f:image": [:]]],
                            ]
                        ],
                    ]
                ]
            ]
        ])
        let rule: [FieldStep] = [.field("spec"), .field("rules"), .index(0), .field("host")]
        let image: [FieldStep] = [.field("spec"), .field("containers"), .element(["name": "a"]), .field("image")]
        let command: [FieldStep] = [.field("spec"), .field("containers"), .element(["name": "a"]), .field("command")]
        #expect(managers.manager(of: rule, otherThan: "keybuzz-runner")?.name == "hand")
        #expect(managers.manager(of: image, otherThan: "keybuzz-runner")?.name == "hand")
        #expect(managers.manager(of: command, otherThan: "keybuzz-runner") == nil)
    }

    @Test func ofASecretOnlyKeysTypeAndLabelsAreShown() {
        let secret = ObjectReference(apiVersion: "v1", kind: "Secret", namespace: "chatwoot", name: "s")
        let live: JSONValue = [
            "type": "Opaque", "data": ["A": "b2xk", "B": "Z29uZQ=="],
            "metadata": [
                "labels": ["x": "1"], "annotations": ["kubectl.kubernetes.io/last-applied-configuration": "b2xk"],
            ],
        ]
        let applied: JSONValue = [
            "type": "kubernetes.io/dockerconfigjson", "data": ["A": "bmV3", "C": "YWRkZWQ="],
            "metadata": ["labels": ["x": "2"]],
        ]
        #expect(
            fields(live, applied, of: secret).map(\.description) == [
                "data.A: changed", "data.B: removed", "data.C: added",
                "metadata.annotations[kubectl.kubernetes.io/last-applied-configuration]: removed",
                "metadata.labels.x: 1 → 2", "type: Opaque → kubernetes.io/dockerconfigjson",
            ])
    }

    /// What the words leave out is told by something else: a plan that is carried out later compares it.
    @Test func valuesThatAreNotShownWholeHaveAStartingPoint() {
        func secret(_ version: String) -> JSONValue {
            ["metadata": ["resourceVersion": .string(version), "labels": ["x": "1"]], "data": ["A": "b2xk"]]
        }
        let reference = ObjectReference(apiVersion: "v1", kind: "Secret", namespace: "chatwoot", name: "s")
        let applied: JSONValue = ["metadata": ["labels": ["x": "2"]], "data": ["A": "bmV3", "B": "bmV3"]]
        #expect(
            fields(secret("7"), applied, of: reference).map(\.startingPoint) == [
                "resourceVersion 7", "resourceVersion 7", nil,
            ])
        let begin = String(repeating: "a", count: 200)
        let points = ["b", "c"].map { end in
            fields(["data": ["A": .string(begin + end)]], ["data": ["A": "x"]]).first?.startingPoint
        }
        #expect(points[0]?.hasPrefix("SHA-256 ") == true && points[0] != points[1])
        #expect(fields(["data": ["A": "short"]], ["data": ["A": "x"]]).first?.startingPoint == nil)
    }

    @Test func longValuesAreCutInWordsOnly() {
        let long = String(repeating: "é\n", count: 200)
        let difference = FieldDifference(path: "data.a", old: long, new: "1")
        #expect(difference.old == long)
        #expect(difference.description.utf8.count < 700)
        #expect(difference.description.hasSuffix("… (600 bytes) → 1"))
    }

    @Test func aMissingNamespaceSparesTheDryRun() async throws {
        let read = ["get", "--ignore-not-found", "-o", "json", "--show-managed-fields", "-f", "-"]
        let shell = ScriptedShell([.read(read)])
        let reader = ClusterReader(shell: shell, kubeconfig: "/root/.kube/config", requestTimeout: .seconds(15))
        let plan = try await reader.compare([Samples.configMap("chatwoot"), Samples.secret("chatwoot")])
        #expect(
            plan.map(\.certainty) == Array(repeating: .predicted("namespace chatwoot does not exist yet"), count: 2))
        #expect(shell.remaining == 0)
    }

    @Test func nothingDesiredAsksNothing() async throws {
        let shell = ScriptedShell([])
        #expect(
            try await ClusterReader(shell: shell, kubeconfig: "/root/.kube/config", requestTimeout: .seconds(15))
                .compare([]) == [])
    }

    /// By what the pods see of it, so that it matches the same password elsewhere.
    @Test func aHiddenValueHasTheFingerprintOfItsContent() {
        let secret = ObjectReference(apiVersion: "v1", kind: "Secret", namespace: "support", name: "s")
        let found = fields(
            ["data": ["a": "aHVudGVyMjI=", "b": "eA=="]], ["data": ["a": "eQ==", "c": "//4="]], of: secret)
        let uses = Dictionary(uniqueKeysWithValues: found.map { ($0.path, $0.secrets.list) })
        let (old, new) = (SecretFingerprint(of: Secret("hunter22")), SecretFingerprint(of: Secret("y")))
        #expect(uses["data.a"] == [SecretUse(before: old, after: new)])
        #expect(uses["data.b"] == [SecretUse(before: SecretFingerprint(of: Secret("x")))])
        #expect(uses["data.c"] == [SecretUse(after: SecretFingerprint(of: [0xff, 0xfe]))])
        let created = SecretUses(creating: ["kind": "Secret", "data": ["a": "aHVudGVyMjI="], "stringData": ["b": "y"]])
        #expect(created.list == [SecretUse(field: "data.a", after: old), SecretUse(field: "data.b", after: new)])
        #expect(SecretUses(creating: ["kind": "ConfigMap", "data": ["a": "aHVudGVyMjI="]]).list.isEmpty)
        #expect(fields(["spec": ["replicas": 1]], ["spec": ["replicas": 2]])[0].secrets.list.isEmpty)
    }
}
