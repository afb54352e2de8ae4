import ClientKit
import Foundation
import SSH
import Testing

@testable import Kubernetes

extension ServerTests {
    /// Whatever somebody else writes, and with whatever: what a plan says is what the next apply does, field by field, and
    /// the plan after it is empty.
    @Suite struct ForeignWriteTests {
        let server: APIServer

        init() throws {
            server = try #require(APIServer.current)
        }

        /// One way of writing to an object that is ours.
        struct Case: Sendable, CustomTestStringConvertible {
            let name: String
            let writes: [Write]
            /// How the plan's fields begin.
            let plan: [String]
            /// What must be there afterwards: kind, path of member names, value.
            var stays: [(kind: String, path: [String], value: JSONValue)] = []
            var testDescription: String { name }
        }

        enum Write: Sendable {
            /// `kubectl apply`, client-side; without what is there before, where `first`.
            case applied(JSONValue, first: Bool = false)
            /// `kubectl apply --server-side` of another manager.
            case appliedByServer(JSONValue)
            /// `kubectl patch --type=json`.
            case patched(String, String)
            /// `kubectl patch` of the strategic type, or `merge`.
            case merged(String, String, type: String = "strategic")
            case command([String])
        }

        private static let pod = "/spec/template/spec"
        private static let container = "/spec/template/spec/containers/0"
        private static let web = "spec.template.spec.containers[web]"
        private static let lastApplied = "metadata.annotations[kubectl.kubernetes.io/last-applied-configuration]"

        private static func object(_ apiVersion: String, _ kind: String, _ name: String, _ rest: [String: JSONValue])
            -> JSONValue
        {
            var members = rest
            var metadata = rest["metadata"]?.members ?? [:]
            metadata["name"] = .string(name)
            members.merge(["apiVersion": .string(apiVersion), "kind": .string(kind)]) { $1 }
            members["metadata"] = .object(metadata)
            return .object(members)
        }

        private static let oldConfig = object(
            "v1", "ConfigMap", "chatwoot-config",
            ["data": ["POSTGRES_DB": "chatwoot", "REDIS_HOST": "10.0.0.10", "RAILS_ENV": "development"]])
        private static let tls = object(
            "networking.k8s.io/v1", "Ingress", "chatwoot-ingress",
            [
                "metadata": ["annotations": ["cert-manager.io/cluster-issuer": "letsencrypt"]],
                "spec": [
                    "tls": [["hosts": ["support.keybuzz.io"], "secretName": "tls"]],
                    "rules": [["host": "other.keybuzz.io"]],
                ],
            ])

        static let cases: [Case] = [
            Case(
                name: "ConfigMap of the old scripts, applied client-side before ours",
                writes: [.applied(oldConfig, first: true)],
                plan: [
                    "data.A: added: 1", "data.POSTGRES_DB: removed", "data.RAILS_ENV: development → production",
                    "data.REDIS_HOST: removed", "\(lastApplied): removed",
                ]),
            Case(
                name: "ConfigMap applied client-side after ours", writes: [.applied(oldConfig)],
                plan: [
                    "data.POSTGRES_DB: removed", "data.RAILS_ENV: development → production", "data.REDIS_HOST: removed",
                    "\(lastApplied): removed",
                ]),
            Case(
                name: "Secret of the old scripts, applied client-side before ours",
                writes: [
                    .applied(
                        object(
                            "v1", "Secret", "chatwoot-secrets",
                            ["stringData": ["S3_SECRET_KEY": "hunter3", "POSTGRES_PASSWORD": "hunter2"]]), first: true)
                ], plan: ["data.S3_SECRET_KEY: removed", "\(lastApplied): removed"]),
            Case(
                name: "TLS and an issuer, applied client-side", writes: [.applied(tls)],
                plan: ["spec.rules[0].host: other.keybuzz.io → support.keybuzz.io", "spec.rules[0].http.paths: added"],
                stays: [
                    ("Ingress", ["metadata", "annotations", "cert-manager.io/cluster-issuer"], "letsencrypt"),
                    ("Ingress", ["spec", "tls"], [["hosts": ["support.keybuzz.io"], "secretName": "tls"]]),
                ]),
            Case(
                name: "TLS and an issuer, applied client-side before ours", writes: [.applied(tls, first: true)],
                plan: [
                    "metadata.annotations[nginx.ingress.kubernetes.io/proxy-body-size]: added: 50m",
                    "spec.ingressClassName: added: nginx", "spec.rules[0].host: other.keybuzz.io → support.keybuzz.io",
                    "spec.rules[0].http.paths: added",
                ],
                stays: [
                    ("Ingress", ["metadata", "annotations", "cert-manager.io/cluster-issuer"], "letsencrypt"),
                    ("Ingress", ["spec", "tls"], [["hosts": ["support.keybuzz.io"], "secretName": "tls"]]),
                ]),
            Case(
                name: "TLS alone, applied client-side: nothing to change",
                writes: [
                    .applied(
                        object(
                            "networking.k8s.io/v1", "Ingress", "chatwoot-ingress",
                            ["spec": ["tls": [["hosts": ["a"], "secretName": "tls"]]]]))
                ], plan: [], stays: [("Ingress", ["spec", "tls"], [["hosts": ["a"], "secretName": "tls"]])]),
            Case(
                name: "what nobody is recorded to own any more, applied client-side",
                writes: [
                    .applied(oldConfig, first: true),
                    .merged("configmap/chatwoot-config", #"{"metadata":{"managedFields":[{}]}}"#, type: "merge"),
                ],
                plan: [
                    "data.A: added: 1", "data.POSTGRES_DB: removed", "data.RAILS_ENV: development → production",
                    "data.REDIS_HOST: removed", "\(lastApplied): removed",
                ]),
            Case(
                name: "another server-side manager's TLS, class annotation, data and labels",
                writes: [
                    .appliedByServer(
                        object(
                            "networking.k8s.io/v1", "Ingress", "chatwoot-ingress",
                            [
                                "metadata": [
                                    "annotations": ["kubernetes.io/ingress.class": "other"], "labels": ["a": "b"],
                                ], "spec": ["tls": [["hosts": ["a"], "secretName": "tls"]]],
                            ])),
                    .appliedByServer(
                        object("v1", "ConfigMap", "chatwoot-config", ["data": ["DATABASE_URL": "postgres://u:p@h/d"]])),
                ],
                plan: [
                    "data.DATABASE_URL: removed (", "metadata.annotations[kubernetes.io/ingress.class]: removed: other",
                ],
                stays: [
                    ("Ingress", ["metadata", "labels", "a"], "b"),
                    ("Ingress", ["spec", "tls"], [["hosts": ["a"], "secretName": "tls"]]),
                ]),
            Case(
                name: "another handler of a probe, of each kind",
                writes: [
                    .patched(
                        "deployment/chatwoot-web",
                        #"[{"op":"replace","path":"\#(container)/readinessProbe","value":{"exec":{"command":["true"]}}},"#
                            + #"{"op":"replace","path":"\#(container)/livenessProbe","value":{"tcpSocket":{"port":1}}},"#
                            + #"{"op":"replace","path":"\#(container)/startupProbe","value":{"httpGet":{"port":1}}},"#
                            + #"{"op":"replace","path":"\#(container)/lifecycle/preStop","value":{"httpGet":{"port":1}}}]"#
                    )
                ],
                plan: [
                    "\(web).lifecycle.preStop.exec.command: added", "\(web).lifecycle.preStop.httpGet",
                    "\(web).livenessProbe", "\(web).readinessProbe", "\(web).startupProbe",
                ]),
            Case(
                name: "a variable from a field instead of its value",
                writes: [
                    .patched(
                        "deployment/chatwoot-web",
                        #"[{"op":"replace","path":"\#(container)/env/0","value":{"name":"PORT","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}}}]"#
                    )
                ], plan: ["\(web).env[PORT].value: added: 3000", "\(web).env[PORT].valueFrom"]),
            Case(
                name: "another source of a volume, another kind of envFrom, arguments, a spread's own expressions",
                writes: [
                    .patched(
                        "deployment/chatwoot-web",
                        #"[{"op":"replace","path":"\#(pod)/volumes/0","value":{"name":"tmp","csi":{"driver":"x.example","nodePublishSecretRef":{"name":"x"},"volumeAttributes":{"a":"b"}}}},"#
                            + #"{"op":"replace","path":"\#(container)/envFrom/0","value":{"secretRef":{"name":"x"}}},"#
                            + #"{"op":"add","path":"\#(container)/args","value":["--x"]},"#
                            + #"{"op":"replace","path":"\#(pod)/securityContext/seccompProfile","value":{"type":"Localhost","localhostProfile":"x"}},"#
                            + #"{"op":"add","path":"\#(pod)/topologySpreadConstraints/0/labelSelector/matchExpressions","value":[{"key":"a","operator":"Exists"}]}]"#
                    )
                ],
                plan: [
                    "\(web).args", "\(web).envFrom[0]", "spec.template.spec.securityContext.seccompProfile",
                    "spec.template.spec.topologySpreadConstraints", "spec.template.spec.volumes[tmp]",
                ]),
            Case(
                name: "a Deployment that is paused and replaces its pods at once",
                writes: [
                    .command(["rollout", "pause", "deployment/chatwoot-web"]),
                    .merged(
                        "deployment/chatwoot-web", #"{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}"#),
                ], plan: ["spec.paused: removed: true", "spec.strategy"]),
            Case(
                name: "the other number of a disruption budget",
                writes: [
                    .merged(
                        "pdb/chatwoot-web",
                        #"{"spec":{"maxUnavailable":null,"minAvailable":1,"selector":{"matchLabels":{"x":"y"}}}}"#,
                        type: "merge")
                ],
                plan: ["spec.maxUnavailable: added: 1", "spec.minAvailable: removed: 1", "spec.selector.matchLabels.x"]),
            Case(
                name: "a Service of another type",
                writes: [
                    .merged(
                        "service/chatwoot-web",
                        #"{"spec":{"type":"LoadBalancer","externalTrafficPolicy":"Local","loadBalancerSourceRanges":["10.0.0.0/8"],"selector":{"x":"y"}}}"#
                    )
                ],
                plan: [
                    "spec.externalTrafficPolicy", "spec.healthCheckNodePort", "spec.loadBalancerSourceRanges",
                    "spec.ports[3000].nodePort", "spec.selector.x", "spec.type: LoadBalancer → ClusterIP",
                ],
                stays: []),
            Case(
                name: "a Service that is but a name elsewhere",
                writes: [
                    .merged(
                        "service/chatwoot-web",
                        #"{"spec":{"type":"ExternalName","externalName":"x.example","clusterIP":null,"clusterIPs":null}}"#
                    )
                ], plan: ["spec.externalName: removed: x.example", "spec.type: ExternalName → ClusterIP"]),
            Case(
                name: "a path to a resource instead of a Service",
                writes: [
                    .patched(
                        "ingress/chatwoot-ingress",
                        #"[{"op":"replace","path":"/spec/rules/0/http/paths/0/backend","value":{"resource":{"apiGroup":"x.example","kind":"Bucket","name":"b"}}}]"#
                    )
                ],
                plan: [
                    "spec.rules[0].http.paths[0].backend.resource", "spec.rules[0].http.paths[0].backend.service",
                ]),
            Case(
                name: "a key added to the Secret of the pods, labels and annotations of others",
                writes: [
                    .patched("secret/chatwoot-secrets", #"[{"op":"add","path":"/data/DATABASE_URL","value":"eA=="}]"#),
                    .command(["label", "secret/chatwoot-secrets", "a=b"]),
                    .command(["annotate", "deployment/chatwoot-web", "a=b"]),
                ], plan: ["data.DATABASE_URL: removed"],
                stays: [
                    ("Secret", ["metadata", "labels", "a"], "b"),
                    ("Deployment", ["metadata", "annotations", "a"], "b"),
                ]),
        ]

        private func kubectl(_ namespace: String, _ arguments: [String], input: JSONValue? = nil) async throws {
            let command = RemoteCommand(
                ["kubectl", "--kubeconfig", server.kubeconfig, "-n", namespace] + arguments,
                standardInput: input?.serialized() ?? [], effect: .change)
            let result = try await LocalShell().run(command)
            try #require(result.exitStatus == 0, "\(arguments): \(result.errorText)")
        }

        private func write(_ write: Write, in namespace: String) async throws {
            switch write {
            case .applied(let object, _):
                try await kubectl(namespace, ["apply", "-f", "-"], input: object)
            case .appliedByServer(let object):
                try await kubectl(
                    namespace, ["apply", "--server-side", "--force-conflicts", "--field-manager=other", "-f", "-"],
                    input: object)
            case .patched(let object, let patch):
                try await kubectl(namespace, ["patch", object, "--type=json", "-p", patch])
            case .merged(let object, let patch, let type):
                try await kubectl(namespace, ["patch", object, "--type=\(type)", "-p", patch])
            case .command(let arguments): try await kubectl(namespace, arguments)
            }
        }

        @Test(arguments: cases)
        func thePlanIsWhatTheNextApplyDoes(_ example: Case) async throws {
            let namespace = "foreign-\(Self.cases.firstIndex { $0.name == example.name } ?? 0)"
            let desired =
                [Samples.namespace(namespace)]
                + Samples.everything(namespace, for: try await server.reader.serverVersion())
            let isFirst = example.writes.contains { if case .applied(_, true) = $0 { true } else { false } }
            if isFirst {
                try await server.writer.apply([desired[0]])
            } else {
                try await server.writer.apply(desired)
            }
            for one in example.writes { try await write(one, in: namespace) }

            let plan = try await server.reader.compare(desired)
            let fields = plan.flatMap(\.fields).map(\.description)
            for beginning in example.plan {
                #expect(fields.contains { $0.hasPrefix(beginning) }, "\(beginning) is not named: \(fields)")
            }
            #expect(
                fields.allSatisfy { field in example.plan.contains { field.hasPrefix($0) } },
                "named without reason: \(fields)")
            #expect(!fields.joined().contains("hunter") && !fields.joined().contains("postgres://"))
            #expect(plan.allSatisfy { $0.kind != .replace && $0.certainty == .proved })

            let before = try await objects(desired)
            try await server.writer.apply(desired)
            let after = try await objects(desired)
            for (reference, object) in before {
                let sent = desired.first { $0.reference == reference }?.json()
                let done = Comparison.fields(
                    reference, live: object, applied: try #require(after[reference]), sent: sent)
                let planned = plan.first { $0.reference == reference }?.fields ?? []
                #expect(done == planned, "\(reference)")
            }
            #expect(try await server.reader.compare(desired) == [])
            for (kind, path, value) in example.stays {
                let object = after.first { $0.key.kind == kind }?.value
                #expect(path.reduce(object) { $0?[$1] } == value, "\(kind) \(path)")
            }
            // And an apply that nothing leads up to does not take it away later.
            try await server.writer.apply(desired)
            #expect(try await objects(desired).mapValues { $0["spec"] } == after.mapValues { $0["spec"] })
        }

        private func objects(_ desired: [any Manifest]) async throws -> [ObjectReference: JSONValue] {
            try await server.reader.get(desired.map(\.reference), options: ["--show-managed-fields"]).byReference()
        }
    }
}
