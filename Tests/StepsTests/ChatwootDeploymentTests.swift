import Kubernetes
import StepKit
import Testing

@testable import Steps

@Suite struct ChatwootDeploymentTests {
    private static func manifests(
        _ changes: [(old: String, new: String)] = [], minor: Int = 34, checksum: String = "c0ffee"
    ) throws -> [any Manifest] {
        let inventory = try SiteSample.inventory(changes)
        return ChatwootDeployment(
            site: SiteSample.readable(inventory),
            image: ResolvedImage(inventory.chatwoot.image, digest: digest, source: .registry), checksum: checksum,
            server: ServerVersion(major: 1, minor: minor, description: "v1.\(minor).0")
        ).manifests
    }

    private static let digest = "sha256:" + String(repeating: "0f", count: 32)

    private static let components = [("chatwoot-web", "web"), ("chatwoot-worker", "worker")]

    @Test func areSixObjectsInTheNamespace() throws {
        let manifests = try Self.manifests()
        #expect(
            manifests.map { "\($0.kind) \($0.metadata.name)" } == [
                "Deployment chatwoot-web", "Deployment chatwoot-worker", "PodDisruptionBudget chatwoot-web",
                "PodDisruptionBudget chatwoot-worker", "Service chatwoot-web", "Ingress chatwoot-ingress",
            ])
        #expect(manifests.allSatisfy { $0.metadata.namespace == "chatwoot" })
        #expect(manifests.allSatisfy { $0.metadata.labels?["app.kubernetes.io/managed-by"] == "keybuzz-runner" })
    }

    @Test(arguments: components) func deploysAComponent(_ name: String, _ component: String) throws {
        let deployment = try Self.manifests().object("Deployment", name)
        let labels = ["app": "chatwoot", "component": component]
        #expect(deployment["apiVersion"]?.string == "apps/v1")
        #expect(deployment["metadata", "labels"]?.strings.filter { labels[$0.key] != nil } == labels)
        #expect(deployment["spec", "replicas"]?.integer == 2)
        #expect(deployment["spec", "selector", "matchLabels"]?.strings == labels)
        #expect(deployment["spec", "strategy", "type"]?.string == "RollingUpdate")
        #expect(deployment["spec", "strategy", "rollingUpdate", "maxUnavailable"]?.integer == 0)
        #expect(deployment["spec", "strategy", "rollingUpdate", "maxSurge"]?.integer == 1)
        let template = try #require(deployment["spec", "template"])
        #expect(template["metadata", "labels"]?.strings == labels)
        #expect(template["metadata", "annotations"]?.strings == ["keybuzz.io/config-checksum": "c0ffee"])
        let pod = try #require(template["spec"])
        #expect(pod["enableServiceLinks"]?.bool == false)
        #expect(pod["automountServiceAccountToken"]?.bool == false)
        #expect(pod["imagePullSecrets"] == [["name": "ghcr-secret"]])
        let spread = try #require(pod["topologySpreadConstraints"]?.elements.first)
        #expect(spread["topologyKey"]?.string == "kubernetes.io/hostname")
        #expect(spread["labelSelector", "matchLabels"]?.strings == labels)
        #expect(spread["maxSkew"]?.integer == 1)
        #expect(spread["whenUnsatisfiable"]?.string == "ScheduleAnyway")
    }

    /// PodSecurity's `restricted`, but for `runAsNonRoot`.
    @Test(arguments: components) func hasNoPrivileges(_ name: String, _ component: String) throws {
        let pod = try #require(
            try Self.manifests().object("Deployment", name)["spec", "template", "spec"])
        #expect(pod["securityContext"] == ["seccompProfile": ["type": "RuntimeDefault"]])
        let containers = try #require(pod["containers"]?.elements)
        #expect(
            containers.map { $0["securityContext"] }
                == [["allowPrivilegeEscalation": false, "capabilities": ["drop": ["ALL"]]]])
    }

    @Test(arguments: components) func runsTheContainer(_ name: String, _ component: String) throws {
        let containers = try Self.manifests().object("Deployment", name)["spec", "template", "spec", "containers"]?
            .elements
        let container = try #require(containers?.first)
        #expect(containers?.count == 1)
        #expect(container["name"]?.string == component)
        #expect(container["image"]?.string == "ghcr.io/keybuzzio/chatwoot-keybuzz:v3.12.0@\(Self.digest)")
        let command = container["command"]?.elements.compactMap(\.string).joined(separator: " ")
        #expect(
            command
                == (component == "web"
                    ? "bundle exec rails s -p 3000 -b 0.0.0.0" : "bundle exec sidekiq -C config/sidekiq.yml"))
        #expect(
            container["envFrom"] == [
                ["configMapRef": ["name": "chatwoot-config"]], ["secretRef": ["name": "chatwoot-secrets"]],
            ])
        let log: JSONValue = ["name": "RAILS_LOG_TO_STDOUT", "value": "true"]
        let application: JSONValue = [
            "name": "PGAPPNAME", "valueFrom": ["fieldRef": ["apiVersion": "v1", "fieldPath": "metadata.name"]],
        ]
        #expect(
            container["env"]
                == (component == "web"
                    ? [log, application, ["name": "PORT", "value": "3000"]] : [log, application]))
        #expect(container["resources", "requests"]?.strings == ["cpu": "250m", "memory": "512Mi"])
        #expect(container["resources", "limits"]?.strings["memory"] == "2Gi")
        #expect(["1", "1000m"].contains(container["resources", "limits"]?.strings["cpu"]))
    }

    /// A kubelet counts the redirect to https as success, so that a pod would be ready whose application was never asked.
    @Test(arguments: ["true", "1", "on"]) func probesSayThatTheyComeByHTTPSWhereChatwootForcesIt(_ value: String) throws
    {
        let forced = try Self.manifests([("\"environment\": {}", "\"environment\": {\"FORCE_SSL\": \"\(value)\"}")])
        let container = try #require(
            forced.object("Deployment", "chatwoot-web")["spec", "template", "spec", "containers"]?.elements.first)
        for probe in ["startupProbe", "readinessProbe"] {
            #expect(
                container[probe, "httpGet", "httpHeaders"] == [
                    ["name": "Host", "value": "support.keybuzz.io"], ["name": "X-Forwarded-Proto", "value": "https"],
                ])
        }
        #expect(container["livenessProbe", "httpGet"] == nil)
    }

    @Test func probesTheWebPodsWithTheHostOfTheirPage() throws {
        let web = try Self.manifests().object("Deployment", "chatwoot-web")
        let container = try #require(web["spec", "template", "spec", "containers"]?.elements.first)
        #expect(container["ports"] == [["name": "http", "containerPort": 3000, "protocol": "TCP"]])
        let api: JSONValue = [
            "path": "/api", "port": "http", "httpHeaders": [["name": "Host", "value": "support.keybuzz.io"]],
        ]
        for probe in ["startupProbe", "readinessProbe"] { #expect(container[probe, "httpGet"] == api) }
        #expect(container["livenessProbe", "tcpSocket", "port"]?.string == "http")
        #expect(container["livenessProbe", "httpGet"] == nil)
        // Generous enough for a slow start, and nobody waits for nothing.
        let startup = try #require(container["startupProbe"])
        let period = try #require(startup["periodSeconds"]?.integer)
        #expect(period * (startup["failureThreshold"]?.integer ?? 0) >= 120)
        #expect(period <= 5)
        #expect(container["startupProbe", "initialDelaySeconds"] == nil)
        #expect(container["lifecycle", "preStop", "exec", "command"] == ["sleep", "5"])
        let worker = try Self.manifests().object("Deployment", "chatwoot-worker")
        let other = try #require(worker["spec", "template", "spec", "containers"]?.elements.first)
        #expect(other["readinessProbe"] == nil)
        #expect(other["ports"] == nil)
    }

    @Test(arguments: components) func leavesOnePodServing(_ name: String, _ component: String) throws {
        let budget = try Self.manifests().object("PodDisruptionBudget", name)
        #expect(budget["spec", "selector", "matchLabels"]?.strings == ["app": "chatwoot", "component": component])
        #expect(budget["spec", "maxUnavailable"]?.integer == 1)
        #expect(budget["spec", "minAvailable"] == nil)
    }

    @Test(arguments: [(20, "policy/v1beta1"), (21, "policy/v1"), (34, "policy/v1")])
    func usesTheBudgetThatTheServerKnows(_ minor: Int, _ version: String) throws {
        #expect(
            try Self.manifests(minor: minor).object("PodDisruptionBudget", "chatwoot-web")["apiVersion"]?.string
                == version)
    }

    @Test func hasAService() throws {
        let service = try Self.manifests().object("Service", "chatwoot-web")
        #expect(service["spec", "type"]?.string == "ClusterIP")
        #expect(service["spec", "selector"]?.strings == ["app": "chatwoot", "component": "web"])
        #expect(
            service["spec", "ports"] == [["name": "http", "port": 3000, "targetPort": "http", "protocol": "TCP"]])
    }

    @Test func hasAnIngressWithTheAnnotationsThatNginxKnows() throws {
        let ingress = try Self.manifests().object("Ingress", "chatwoot-ingress")
        #expect(
            ingress["metadata", "annotations"]?.strings == [
                "nginx.ingress.kubernetes.io/proxy-connect-timeout": "60",
                "nginx.ingress.kubernetes.io/proxy-read-timeout": "300",
                "nginx.ingress.kubernetes.io/proxy-send-timeout": "300",
                "nginx.ingress.kubernetes.io/proxy-body-size": "50m",
            ])
        #expect(ingress["spec", "ingressClassName"]?.string == "nginx")
        #expect(
            ingress["spec", "rules"] == [
                [
                    "host": "support.keybuzz.io",
                    "http": [
                        "paths": [
                            [
                                "path": "/", "pathType": "Prefix",
                                "backend": ["service": ["name": "chatwoot-web", "port": ["number": 3000]]],
                            ]
                        ]
                    ],
                ]
            ])
    }

    @Test func followsTheInventory() throws {
        let manifests = try Self.manifests([
            ("\"web\": 2, \"worker\": 2", "\"web\": 3, \"worker\": 1"),
            ("chatwoot-keybuzz:v3.12.0", "chatwoot-keybuzz:v4.0.0"),
            ("\"domain\": \"support.keybuzz.io\"", "\"domain\": \"help.keybuzz.io\""),
            ("\"ingressClass\": \"nginx\"", "\"ingressClass\": \"inner\""),
            ("\"secretName\": \"ghcr-secret\"", "\"secretName\": \"pull\""),
            ("\"namespace\": \"chatwoot\"", "\"namespace\": \"desk\""),
        ])
        let web = try manifests.object("Deployment", "chatwoot-web")
        let pod = try #require(web["spec", "template", "spec"])
        let container = try #require(pod["containers"]?.elements.first)
        #expect(web["spec", "replicas"]?.integer == 3)
        #expect(try manifests.object("Deployment", "chatwoot-worker")["spec", "replicas"]?.integer == 1)
        #expect(container["image"]?.string == "ghcr.io/keybuzzio/chatwoot-keybuzz:v4.0.0@\(Self.digest)")
        #expect(
            container["readinessProbe", "httpGet", "httpHeaders"] == [["name": "Host", "value": "help.keybuzz.io"]])
        #expect(pod["imagePullSecrets"] == [["name": "pull"]])
        let ingress = try manifests.object("Ingress", "chatwoot-ingress")
        #expect(ingress["spec", "ingressClassName"]?.string == "inner")
        #expect(ingress["spec", "rules"]?.elements.first?["host"]?.string == "help.keybuzz.io")
        #expect(manifests.allSatisfy { $0.metadata.namespace == "desk" })
    }

    @Test func aCountThatIsLeftToOthersIsNotSent() throws {
        let manifests = try Self.manifests([("\"web\": 2, \"worker\": 2", "\"web\": 1, \"worker\": \"leave\"")])
        #expect(try manifests.object("Deployment", "chatwoot-web")["spec", "replicas"]?.integer == 1)
        #expect(
            try manifests.object("Deployment", "chatwoot-worker")["spec"]?.members.keys.contains("replicas") == false)
        // A node can be drained with one pod as with many: no budget counts from the number of pods.
        for name in ["chatwoot-web", "chatwoot-worker"] {
            let budget = try manifests.object("PodDisruptionBudget", name)
            #expect(budget["spec", "maxUnavailable"]?.integer == 1)
            #expect(budget["spec", "minAvailable"] == nil)
        }
    }

    @Test func nothingButTheChecksumOfTheEnvironmentRollsThePods() throws {
        let one = try Self.manifests(checksum: "a").object("Deployment", "chatwoot-web")
        let other = try Self.manifests(checksum: "b").object("Deployment", "chatwoot-web")
        #expect(one != other)
        #expect(one == (try Self.manifests(checksum: "a").object("Deployment", "chatwoot-web")))
    }
}
