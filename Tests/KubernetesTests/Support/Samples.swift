import ClientKit
import Kubernetes

/// The objects of a small application, as a step would describe them.
enum Samples {
    static func namespace(_ name: String) -> Namespace {
        Namespace(metadata: ObjectMeta(name: name, labels: ["app": "keybuzz-support"]))
    }

    static func configMap(_ namespace: String, _ data: [String: String] = ["RAILS_ENV": "production", "A": "1"])
        -> ConfigMap
    {
        ConfigMap(metadata: ObjectMeta(name: "chatwoot-config", namespace: namespace), data: data)
    }

    static func secret(
        _ namespace: String, _ data: [String: Secret] = ["POSTGRES_PASSWORD": Secret("hunter2")]
    ) -> SecretObject {
        SecretObject(metadata: ObjectMeta(name: "chatwoot-secrets", namespace: namespace), data: data)
    }

    static func deployment(_ namespace: String, image: String = "ghcr.io/keybuzzio/chatwoot-keybuzz:v3.12.0")
        -> Deployment
    {
        let labels = ["app": "chatwoot", "component": "web"]
        let probe = Probe(
            httpGet: .init(
                path: "/api", port: "http", httpHeaders: [.init(name: "Host", value: "support.keybuzz.io")]),
            periodSeconds: 5, timeoutSeconds: 5, failureThreshold: 3)
        let container = Container(
            name: "web", image: image, command: ["bundle", "exec", "rails", "s", "-p", "3000", "-b", "0.0.0.0"],
            ports: [ContainerPort(name: "http", containerPort: 3000)],
            env: [EnvironmentVariable(name: "PORT", value: "3000")],
            envFrom: [.configMap("chatwoot-config"), .secret("chatwoot-secrets")],
            resources: Resources(
                requests: ["cpu": "250m", "memory": "512Mi"], limits: ["cpu": "1000m", "memory": "2Gi"]),
            startupProbe: Probe(tcpSocket: .init(port: "http"), periodSeconds: 2, failureThreshold: 90),
            readinessProbe: probe, livenessProbe: probe, lifecycle: Lifecycle(preStop: ["sleep", "5"]),
            securityContext: SecurityContext(
                allowPrivilegeEscalation: false, capabilities: .init(drop: ["ALL"])),
            volumeMounts: [VolumeMount(name: "tmp", mountPath: "/app/tmp")])
        let pod = PodSpec(
            containers: [container], imagePullSecrets: [NameReference(name: "ghcr-secret")], enableServiceLinks: false,
            terminationGracePeriodSeconds: 40,
            securityContext: PodSecurityContext(seccompProfile: .init(type: "RuntimeDefault")),
            topologySpreadConstraints: [TopologySpread(labelSelector: LabelSelector(matchLabels: labels))],
            volumes: [Volume(configMap: "tmp")])
        return Deployment(
            metadata: ObjectMeta(name: "chatwoot-web", namespace: namespace, labels: labels),
            spec: .init(
                replicas: 2, selector: LabelSelector(matchLabels: labels),
                template: PodTemplate(labels: labels, annotations: ["keybuzz.io/checksum": "abc"], spec: pod),
                strategy: .rolling(maxUnavailable: 0, maxSurge: 1), progressDeadlineSeconds: 300,
                revisionHistoryLimit: 5))
    }

    static func service(_ namespace: String) -> Service {
        Service(
            metadata: ObjectMeta(name: "chatwoot-web", namespace: namespace),
            spec: .init(
                selector: ["app": "chatwoot", "component": "web"],
                ports: [.init(name: "http", port: 3000, targetPort: "http")]))
    }

    static func ingress(_ namespace: String) -> Ingress {
        Ingress(
            metadata: ObjectMeta(
                name: "chatwoot-ingress", namespace: namespace,
                annotations: ["nginx.ingress.kubernetes.io/proxy-body-size": "50m"]),
            spec: .init(
                ingressClassName: "nginx",
                rules: [.init(host: "support.keybuzz.io", paths: [.init(service: "chatwoot-web", port: 3000)])]))
    }

    static func job(_ namespace: String) -> Job {
        let container = Container(
            name: "migrate", image: "ghcr.io/keybuzzio/chatwoot-keybuzz:v3.12.0",
            command: ["bundle", "exec", "rails", "db:chatwoot_prepare"])
        return Job(
            metadata: ObjectMeta(name: "chatwoot-migrations", namespace: namespace),
            spec: .init(
                template: PodTemplate(
                    labels: ["app": "chatwoot"], spec: PodSpec(containers: [container], restartPolicy: "Never")),
                activeDeadlineSeconds: 900, ttlSecondsAfterFinished: 86_400))
    }

    static func budget(_ namespace: String, for server: ServerVersion) -> PodDisruptionBudget {
        PodDisruptionBudget(
            metadata: ObjectMeta(name: "chatwoot-web", namespace: namespace),
            spec: .init(selector: LabelSelector(matchLabels: ["component": "web"]), maxUnavailable: 1), for: server)
    }

    /// Every kind that the steps own, without its namespace.
    static func everything(_ namespace: String, for server: ServerVersion) -> [any Manifest] {
        [
            configMap(namespace), secret(namespace), deployment(namespace), service(namespace),
            ingress(namespace), job(namespace), budget(namespace, for: server),
        ]
    }
}
