import Kubernetes

extension ForeignWrite {
    static let cases = applies + edits

    private static let pod = "/spec/template/spec"
    private static let container = "/spec/template/spec/containers/0"
    private static let web = "spec.template.spec.containers[web]"

    /// What somebody edits by hand.
    private static let edits: [ForeignWrite] = [
        ForeignWrite(
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
        ForeignWrite(
            name: "a variable from a field instead of its value",
            writes: [
                .patched(
                    "deployment/chatwoot-web",
                    #"[{"op":"replace","path":"\#(container)/env/0","value":{"name":"PORT","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}}}]"#
                )
            ], plan: ["\(web).env[PORT].value: added: 3000", "\(web).env[PORT].valueFrom"]),
        ForeignWrite(
            name:
                "another source of a volume, another kind of envFrom, arguments, a spread's own expressions",
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
                "\(web).args", "\(web).envFrom[0]",
                "spec.template.spec.securityContext.seccompProfile",
                "spec.template.spec.topologySpreadConstraints", "spec.template.spec.volumes[tmp]",
            ]),
        ForeignWrite(
            name: "a Deployment that is paused and replaces its pods at once",
            writes: [
                .command(["rollout", "pause", "deployment/chatwoot-web"]),
                .merged(
                    "deployment/chatwoot-web",
                    #"{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}"#),
            ], plan: ["spec.paused: removed: true", "spec.strategy"]),
        ForeignWrite(
            name: "the other number of a disruption budget",
            writes: [
                .merged(
                    "pdb/chatwoot-web",
                    #"{"spec":{"maxUnavailable":null,"minAvailable":1,"selector":{"matchLabels":{"x":"y"}}}}"#,
                    type: "merge")
            ],
            plan: [
                "spec.maxUnavailable: added: 1", "spec.minAvailable: removed: 1",
                "spec.selector.matchLabels.x",
            ]),
        ForeignWrite(
            name: "a Service of another type",
            writes: [
                .merged(
                    "service/chatwoot-web",
                    #"{"spec":{"type":"LoadBalancer","externalTrafficPolicy":"Local","loadBalancerSourceRanges":["10.0.0.0/8"],"selector":{"x":"y"}}}"#
                )
            ],
            plan: [
                "spec.externalTrafficPolicy", "spec.healthCheckNodePort",
                "spec.loadBalancerSourceRanges",
                "spec.ports[3000].nodePort", "spec.selector.x",
                "spec.type: LoadBalancer → ClusterIP",
            ],
            stays: []),
        ForeignWrite(
            name: "a Service that is but a name elsewhere",
            writes: [
                .merged(
                    "service/chatwoot-web",
                    #"{"spec":{"type":"ExternalName","externalName":"x.example","clusterIP":null,"clusterIPs":null}}"#
                )
            ],
            plan: ["spec.externalName: removed: x.example", "spec.type: ExternalName → ClusterIP"]),
        ForeignWrite(
            name: "a path to a resource instead of a Service",
            writes: [
                .patched(
                    "ingress/chatwoot-ingress",
                    #"[{"op":"replace","path":"/spec/rules/0/http/paths/0/backend","value":{"resource":{"apiGroup":"x.example","kind":"Bucket","name":"b"}}}]"#
                )
            ],
            plan: [
                "spec.rules[0].http.paths[0].backend.resource",
                "spec.rules[0].http.paths[0].backend.service",
            ]),
        ForeignWrite(
            name: "a key added to the Secret of the pods, labels and annotations of others",
            writes: [
                .patched(
                    "secret/chatwoot-secrets",
                    #"[{"op":"add","path":"/data/DATABASE_URL","value":"eA=="}]"#),
                .command(["label", "secret/chatwoot-secrets", "a=b"]),
                .command(["annotate", "deployment/chatwoot-web", "a=b"]),
            ], plan: ["data.DATABASE_URL: removed"],
            stays: [
                ("Secret", ["metadata", "labels", "a"], "b"),
                ("Deployment", ["metadata", "annotations", "a"], "b"),
            ]),
        ForeignWrite(
            name: "more seconds until a pod counts than a rollout may take",
            writes: [
                .merged(
                    "deployment/chatwoot-web",
                    #"{"spec":{"minReadySeconds":3600,"progressDeadlineSeconds":7200}}"#)
            ],
            plan: ["spec.minReadySeconds", "spec.progressDeadlineSeconds: 7200 → 300"]),
        ForeignWrite(
            name: "a Service that keeps its clients at one pod",
            writes: [
                .merged("service/chatwoot-web", #"{"spec":{"sessionAffinity":"ClientIP"}}"#)
            ], plan: [],
            stays: [("Service", ["spec", "sessionAffinity"], "ClientIP")]),
        ForeignWrite(
            name: "a port of the Service by its name",
            writes: [
                .patched(
                    "ingress/chatwoot-ingress",
                    #"[{"op":"replace","path":"/spec/rules/0/http/paths/0/backend","#
                        + #""value":{"service":{"name":"chatwoot-web","port":{"name":"http"}}}}]"#)
            ],
            plan: ["spec.rules[0].http.paths[0].backend.service.port"]),
        ForeignWrite(
            name: "pods in their node's network, with its port",
            writes: [
                .patched(
                    "deployment/chatwoot-web",
                    #"[{"op":"add","path":"\#(pod)/hostNetwork","value":true}]"#)
            ],
            plan: [],
            stays: [("Deployment", ["spec", "template", "spec", "hostNetwork"], true)]),
        ForeignWrite(
            name: "a limit below what is requested, and a request of another resource",
            writes: [
                .merged(
                    "deployment/chatwoot-web",
                    #"{"spec":{"template":{"spec":{"containers":[{"name":"web","resources":{"#
                        + #""limits":{"cpu":"100m","ephemeral-storage":"1Gi"},"#
                        + #""requests":{"cpu":"50m","ephemeral-storage":"1Gi"}}}]}}}}"#)
            ],
            plan: [
                "\(web).resources.limits.cpu: 100m → 1", "\(web).resources.requests.cpu: 50m → 250m",
            ]),
        ForeignWrite(
            name: "a projected volume instead of an empty one, and a handler of another kind",
            writes: [
                .patched(
                    "deployment/chatwoot-web",
                    #"[{"op":"replace","path":"\#(pod)/volumes/0","value":{"name":"tmp","projected":{"sources":[{"secret":{"name":"x"}}]}}},"#
                        + #"{"op":"add","path":"\#(container)/lifecycle/postStart","value":{"exec":{"command":["true"]}}},"#
                        + #"{"op":"add","path":"\#(container)/startupProbe/terminationGracePeriodSeconds","value":5}]"#)
            ],
            plan: ["spec.template.spec.volumes[tmp]"]),
    ]
}
