import Kubernetes
import StepKit

/// The objects that serve Chatwoot: two Deployments, their disruption budgets, the Service and the
/// Ingress.
struct ChatwootDeployment {
    let site: SiteReader
    /// The image of web and worker.
    let image: ResolvedImage
    /// The checksum of the environment that the pods start with.
    let checksum: String
    let server: ServerVersion

    var manifests: [any Manifest] {
        [
            deployment(ChatwootNames.web, "web", replicas: site.inventory.chatwoot.replicas.web, container: web),
            deployment(
                ChatwootNames.worker, "worker", replicas: site.inventory.chatwoot.replicas.worker, container: worker),
            budget(ChatwootNames.web, "web"),
            budget(ChatwootNames.worker, "worker"),
            service,
            ingress,
        ]
    }

    private func deployment(
        _ name: String, _ component: String, replicas: ChatwootSettings.ReplicaCount, container: Container
    ) -> Deployment {
        let selector = LabelSelector(matchLabels: ChatwootNames.selector(component))
        let pods = PodSpec(
            containers: [container],
            imagePullSecrets: [NameReference(name: site.inventory.registry.secretName)],
            automountServiceAccountToken: false,
            // A Service called `postgres` in the namespace would otherwise overwrite POSTGRES_PORT.
            enableServiceLinks: false,
            terminationGracePeriodSeconds: 60,
            securityContext: .chatwoot,
            topologySpreadConstraints: [TopologySpread(labelSelector: selector)], volumes: site.certificateVolumes)
        return Deployment(
            metadata: .chatwoot(name, in: site, labels: ChatwootNames.labels(component)),
            spec: .init(
                replicas: replicas.number, selector: selector,
                template: PodTemplate(
                    labels: ChatwootNames.selector(component),
                    annotations: [ChatwootNames.checksum: checksum], spec: pods),
                strategy: .rolling(maxUnavailable: 0, maxSurge: 1),
                // A worker has nothing to probe: one that crashes immediately must not count as
                // available for a moment.
                minReadySeconds: component == "worker" ? 5 : nil,
                revisionHistoryLimit: 5))
    }

    private var web: Container {
        var container = chatwoot("web", command: ["bundle", "exec", "rails", "s", "-p", "3000", "-b", "0.0.0.0"])
        container.env?.append(EnvironmentVariable(name: "PORT", value: String(ChatwootNames.port)))
        container.ports = [ContainerPort(name: "http", containerPort: ChatwootNames.port)]
        // With a Host other than FRONTEND_URL's, /api queries the table `portals` for every probe.
        var headers = [Probe.Header(name: "Host", value: site.inventory.chatwoot.domain)]
        // The kubelet counts a redirect to another host as success: a pod would be ready without
        // having answered.
        if site.inventory.chatwoot.forcesSSL { headers.append(.init(name: "X-Forwarded-Proto", value: "https")) }
        let api = Probe.HTTPGet(path: "/api", port: "http", httpHeaders: headers)
        container.startupProbe = Probe(httpGet: api, periodSeconds: 2, timeoutSeconds: 5, failureThreshold: 90)
        container.readinessProbe = Probe(httpGet: api, periodSeconds: 5, timeoutSeconds: 5, failureThreshold: 3)
        container.livenessProbe = Probe(
            tcpSocket: .init(port: "http"), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3)
        // The ingress controllers need a moment to notice that a pod is terminating: it keeps
        // serving until they have.
        container.lifecycle = Lifecycle(preStop: ["sleep", "5"])
        return container
    }

    private var worker: Container {
        chatwoot("worker", command: ["bundle", "exec", "sidekiq", "-C", "config/sidekiq.yml"])
    }

    private func chatwoot(_ name: String, command: [String]) -> Container {
        let resources = site.inventory.chatwoot.resources
        return Container(
            name: name, image: image.name, imagePullPolicy: "IfNotPresent",
            command: command,
            env: [
                EnvironmentVariable(name: "RAILS_LOG_TO_STDOUT", value: "true"),
                // Each pod's sessions have its name in pg_stat_activity, even through load
                // balancers and NAT.
                EnvironmentVariable(name: "PGAPPNAME", fieldPath: "metadata.name"),
            ],
            envFrom: [.configMap(ChatwootNames.configMap), .secret(ChatwootNames.secret)],
            resources: Resources(
                requests: ["cpu": resources.requests.cpu.description, "memory": resources.requests.memory.description],
                limits: ["cpu": resources.limits.cpu.description, "memory": resources.limits.memory.description]),
            securityContext: .chatwoot, volumeMounts: site.certificateMounts)
    }

    private func budget(_ name: String, _ component: String) -> PodDisruptionBudget {
        PodDisruptionBudget(
            metadata: .chatwoot(name, in: site, labels: ChatwootNames.labels(component)),
            spec: .init(selector: LabelSelector(matchLabels: ChatwootNames.selector(component)), maxUnavailable: 1),
            for: server)
    }

    private var service: Service {
        Service(
            metadata: .chatwoot(ChatwootNames.service, in: site, labels: ChatwootNames.labels("web")),
            spec: .init(
                selector: ChatwootNames.selector("web"),
                ports: [.init(name: "http", port: ChatwootNames.port, targetPort: "http")]))
    }

    private var ingress: Ingress {
        // Whole seconds without a unit; ingress-nginx rejects "60s" and silently ignores the
        // `upstream-*-timeout` annotations of the old scripts.
        let settings = [
            "proxy-connect-timeout": "60", "proxy-read-timeout": "300", "proxy-send-timeout": "300",
            "proxy-body-size": "50m",
        ]
        let annotations = Dictionary(
            uniqueKeysWithValues: settings.map { ("nginx.ingress.kubernetes.io/\($0.key)", $0.value) })
        return Ingress(
            metadata: .chatwoot(
                ChatwootNames.ingress, in: site, labels: ChatwootNames.labels("web"), annotations: annotations),
            spec: .init(
                ingressClassName: site.inventory.chatwoot.ingressClass,
                rules: [
                    .init(
                        host: site.inventory.chatwoot.domain,
                        paths: [.init(service: ChatwootNames.service, port: ChatwootNames.port)])
                ]))
    }
}
