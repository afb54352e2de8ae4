import Kubernetes

extension ForeignWrite {
    private static let lastApplied =
        "metadata.annotations[kubectl.kubernetes.io/last-applied-configuration]"

    private static func object(
        _ apiVersion: String, _ kind: String, _ name: String, _ rest: [String: JSONValue]
    )
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
        [
            "data": [
                "POSTGRES_DB": "chatwoot", "REDIS_HOST": "10.0.0.10", "RAILS_ENV": "development",
            ]
        ])
    private static let tls = object(
        "networking.k8s.io/v1", "Ingress", "chatwoot-ingress",
        [
            "metadata": ["annotations": ["cert-manager.io/cluster-issuer": "letsencrypt"]],
            "spec": [
                "tls": [["hosts": ["support.keybuzz.io"], "secretName": "tls"]],
                "rules": [["host": "other.keybuzz.io"]],
            ],
        ])

    /// What of ``tls`` is none of ours.
    private static let tlsStays: [(kind: String, path: [String], value: JSONValue)] = [
        ("Ingress", ["metadata", "annotations", "cert-manager.io/cluster-issuer"], "letsencrypt"),
        ("Ingress", ["spec", "tls"], [["hosts": ["support.keybuzz.io"], "secretName": "tls"]]),
    ]

    /// What another `apply` writes.
    static let applies: [ForeignWrite] = [
        ForeignWrite(
            name: "ConfigMap of the old scripts, applied client-side before ours",
            writes: [.applied(oldConfig, first: true)],
            plan: [
                "data.A: added: 1", "data.POSTGRES_DB: removed",
                "data.RAILS_ENV: development → production",
                "data.REDIS_HOST: removed", "\(lastApplied): removed",
            ]),
        ForeignWrite(
            name: "ConfigMap applied client-side after ours", writes: [.applied(oldConfig)],
            plan: [
                "data.POSTGRES_DB: removed", "data.RAILS_ENV: development → production",
                "data.REDIS_HOST: removed",
                "\(lastApplied): removed",
            ]),
        ForeignWrite(
            name: "Secret of the old scripts, applied client-side before ours",
            writes: [
                .applied(
                    object(
                        "v1", "Secret", "chatwoot-secrets",
                        [
                            "stringData": [
                                "S3_SECRET_KEY": "hunter3", "POSTGRES_PASSWORD": "hunter2",
                            ]
                        ]), first: true)
            ], plan: ["data.S3_SECRET_KEY: removed", "\(lastApplied): removed"]),
        ForeignWrite(
            name: "TLS and an issuer, applied client-side", writes: [.applied(tls)],
            plan: [
                "spec.rules[0].host: other.keybuzz.io → support.keybuzz.io",
                "spec.rules[0].http.paths: added",
            ],
            stays: tlsStays),
        ForeignWrite(
            name: "TLS and an issuer, applied client-side before ours",
            writes: [.applied(tls, first: true)],
            plan: [
                "metadata.annotations[nginx.ingress.kubernetes.io/proxy-body-size]: added: 50m",
                "spec.ingressClassName: added: nginx",
                "spec.rules[0].host: other.keybuzz.io → support.keybuzz.io",
                "spec.rules[0].http.paths: added",
            ],
            stays: tlsStays),
        ForeignWrite(
            name: "TLS alone, applied client-side: nothing to change",
            writes: [
                .applied(
                    object(
                        "networking.k8s.io/v1", "Ingress", "chatwoot-ingress",
                        ["spec": ["tls": [["hosts": ["a"], "secretName": "tls"]]]]))
            ], plan: [],
            stays: [("Ingress", ["spec", "tls"], [["hosts": ["a"], "secretName": "tls"]])]),
        ForeignWrite(
            name: "what nobody is recorded to own any more, applied client-side",
            writes: [
                .applied(oldConfig, first: true),
                .merged(
                    "configmap/chatwoot-config", #"{"metadata":{"managedFields":[{}]}}"#,
                    type: "merge"),
            ],
            plan: [
                "data.A: added: 1", "data.POSTGRES_DB: removed",
                "data.RAILS_ENV: development → production",
                "data.REDIS_HOST: removed", "\(lastApplied): removed",
            ]),
        ForeignWrite(
            name: "another server-side manager's TLS, class annotation, data and labels",
            writes: [
                .appliedByServer(
                    object(
                        "networking.k8s.io/v1", "Ingress", "chatwoot-ingress",
                        [
                            "metadata": [
                                "annotations": ["kubernetes.io/ingress.class": "other"],
                                "labels": ["a": "b"],
                            ], "spec": ["tls": [["hosts": ["a"], "secretName": "tls"]]],
                        ])),
                .appliedByServer(
                    object(
                        "v1", "ConfigMap", "chatwoot-config",
                        ["data": ["DATABASE_URL": "postgres://u:p@h/d"]])),
            ],
            plan: [
                "data.DATABASE_URL: removed (",
                "metadata.annotations[kubernetes.io/ingress.class]: removed: other",
            ],
            stays: [
                ("Ingress", ["metadata", "labels", "a"], "b"),
                ("Ingress", ["spec", "tls"], [["hosts": ["a"], "secretName": "tls"]]),
            ]),
    ]
}
