import Testing

@testable import Kubernetes

/// On a Service and a Deployment as kube-apiserver 1.20 returned them after both had been changed by hand.
@Suite struct UnmanagedElementTests {
    private func live(_ name: String) throws -> JSONValue {
        try Fixtures.json("unmanaged/\(name).json")
    }
    private let service = Samples.service("chatwoot").json()
    private let deployment = Samples.deployment("chatwoot").json()
    private static let pod = "spec.template.spec"

    @Test func whatIsNotInTheManifestIsFound() throws {
        #expect(
            try UnmanagedElements(of: live("service"), notIn: service).paths.map(\.displayText) == [
                "spec.ports[3001]"
            ])
        #expect(
            try UnmanagedElements(of: live("deployment"), notIn: deployment).paths.map(
                \.displayText) == [
                    "\(Self.pod).containers[web].env[PORTX]",
                    "\(Self.pod).containers[web].env[ADDED]",
                    "\(Self.pod).containers[web].ports[3001]",
                    "\(Self.pod).imagePullSecrets[other]",
                    "\(Self.pod).topologySpreadConstraints[zone,ScheduleAnyway]",
                ])
    }

    /// What a claim leaves is found no more: our next apply removes it as it does whatever we sent once.
    @Test(arguments: ["service", "deployment"])
    func whatIsClaimedIsOursAlone(_ name: String) throws {
        let object = try live(name)
        let desired = name == "service" ? service : deployment
        let unmanaged = UnmanagedElements(of: object, notIn: desired).paths
        let managers = FieldManagers.takingOwnership(of: unmanaged, in: object)
        let claimed = object.setting([.field("metadata"), .field("managedFields")], to: managers)
        #expect(UnmanagedElements(of: claimed, notIn: desired).paths == [])
        #expect(managers.elements.map { $0["manager"] } == ["keybuzz-runner"])
        #expect(claimed["spec"] == object["spec"])
    }

    @Test func aClaimLeavesOthersTheRest() {
        let object: JSONValue = [
            "apiVersion": "v1",
            "metadata": [
                "managedFields": [
                    [
                        "manager": "hand", "operation": "Update", "apiVersion": "v1",
                        "fieldsV1": [
                            "f:spec": [
                                "f:ports": [
                                    #"k:{"port":1,"protocol":"TCP"}"#: [".": [:], "f:port": [:]],
                                    #"k:{"protocol":"TCP","port":2}"#: [".": [:], "f:port": [:]],
                                ]
                            ]
                        ],
                    ],
                    [
                        "manager": "kubectl-create", "operation": "Update", "apiVersion": "v1",
                        "fieldsV1": [
                            "f:spec": [
                                "f:ports": [
                                    ".": [:], #"k:{"port":2,"protocol":"TCP"}"#: [".": [:]],
                                ], "f:type": [:],
                            ]
                        ],
                    ],
                ]
            ],
        ]
        let element: [FieldStep] = [
            .field("spec"), .field("ports"), .element(["port": 2, "protocol": "TCP"]),
        ]
        #expect(
            FieldManagers.takingOwnership(of: [element], in: object) == [
                [
                    "manager": "hand", "operation": "Update", "apiVersion": "v1",
                    "fieldsV1": [
                        "f:spec": [
                            "f:ports": [
                                #"k:{"port":1,"protocol":"TCP"}"#: [".": [:], "f:port": [:]]
                            ]
                        ]
                    ],
                ],
                [
                    "manager": "kubectl-create", "operation": "Update", "apiVersion": "v1",
                    "fieldsV1": ["f:spec": ["f:type": [:]]],
                ],
                [
                    "manager": "keybuzz-runner", "operation": "Apply", "apiVersion": "v1",
                    "fieldsType": "FieldsV1",
                    "fieldsV1": [
                        "f:spec": [
                            "f:ports": [
                                #"k:{"port":2,"protocol":"TCP"}"#: [".": [:], "f:port": [:]]
                            ]
                        ]
                    ],
                ],
            ])
    }

    /// What we applied ourselves and nobody touched goes by the apply alone, and costs nothing more.
    @Test func whatIsOursAloneIsNoStray() throws {
        let object: JSONValue = [
            "apiVersion": "v1", "spec": ["ports": [["port": 1, "protocol": "TCP"]]],
            "metadata": [
                "managedFields": [
                    [
                        "manager": "keybuzz-runner", "operation": "Apply", "apiVersion": "v1",
                        "fieldsV1": [
                            "f:spec": ["f:ports": [#"k:{"port":1,"protocol":"TCP"}"#: [".": [:]]]]
                        ],
                    ]
                ]
            ],
        ]
        #expect(UnmanagedElements(of: object, notIn: service).paths == [])
        let unmanaged = object.setting([.field("metadata"), .field("managedFields")], to: [])
        #expect(
            UnmanagedElements(of: unmanaged, notIn: service).paths.map(\.displayText) == [
                "spec.ports[1]"
            ])
    }

    @Test func onlyAPortGetsAnotherNameForTheDryRun() throws {
        let ports: [FieldStep] = [
            .field("spec"), .field("template"), .field("spec"), .field("containers"),
            .element(["name": "web"]),
            .field("ports"),
        ]
        let sent = try UnmanagedElements(of: live("deployment"), notIn: deployment).dryRunInput(
            for: deployment)
        let container = try #require(sent["spec", "template", "spec", "containers"]?.elements.first)
        #expect(
            container["ports"]?.elements == [
                ["name": "http", "containerPort": 3000, "protocol": "TCP"],
                ["name": "was-3001-tcp", "containerPort": 3001, "protocol": "TCP"],
            ])
        #expect(sent.setting(ports[...], to: deployment.value(at: ports)) == deployment)
    }
}
