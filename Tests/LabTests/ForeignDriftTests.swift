import Foundation
import Testing

/// What others write with their own tools: what contradicts the module is named and repaired, all else stays.
extension RehearsalTests {
    @Test func whatOthersWroteIsNamedAndRepairedAsPlanned() async throws {
        try await Lab.reset()
        var honesty = Honesty()
        try await honesty.planAndRun([])
        for drifts in [Self.writtenByOthers, Self.notChangeable] {
            try await Drift.provoke(drifts)
            try await honesty.planAndRun(drifts)
        }
        let kinds = Self.writtenByOthers.count + Self.notChangeable.count
        print("\(kinds) more kinds of drift named and repaired; \(honesty.compared) changes done as planned")
        #expect(honesty.compared >= kinds)
        let ingress = try #require(try await Lab.objects("-n", "chatwoot", "ingress").first)
        let annotations = (ingress["metadata"] as? [String: Any])?["annotations"] as? [String: Any]
        #expect(annotations?["cert-manager.io/cluster-issuer"] as? String == "letsencrypt")
        #expect((ingress["spec"] as? [String: Any])?["tls"] != nil)
    }

    @Test func aNamespaceThatIsBeingDeletedIsWaitedFor() async throws {
        try await Lab.reset()
        try await Lab.runToTheEnd()
        try await Lab.call("kubectl", "delete", "namespace/chatwoot", "--wait=false")
        let plan = try await Lab.runner("plan", "11")
        #expect(
            plan.output.contains("create Namespace chatwoot once the existing one is deleted"),
            "\(plan)")
        #expect(plan.output.contains("once Namespace chatwoot is deleted"), "\(plan)")
        let run = try await Lab.runner("run", "11")
        #expect(run.status == 0, "\(run.error)")
        #expect(
            run.error.contains("waiting for the deletion of Namespace chatwoot"), "\(run.error)")
        #expect(try await Lab.runner("plan", "11", "--detailed-exitcode").status == 0)
    }

    private static func container(_ path: String) -> String { "/spec/template/spec/containers/0/\(path)" }
    private static func kubectl(_ arguments: String...) -> [String] { ["kubectl", "-n", "chatwoot"] + arguments }

    private static func applied(_ name: String, _ object: String, _ words: String...) -> [Drift] {
        let apply: @Sendable () async throws -> Void = {
            _ = try await Lab.call("kubectl", "-n", "chatwoot", "apply", "-f", "-", input: object)
        }
        return words.enumerated().map { index, word in
            Drift.action("\(name), \(word)", word) { if index == 0 { try await apply() } }
        }
    }

    private static let writtenByOthers: [Drift] = {
        let web = "deployment/chatwoot-web"
        let worker = "deployment/chatwoot-worker"
        let patched: [Drift] = [
            .field(
                web, container("readinessProbe"), #"{"exec":{"command":["true"]}}"#,
                "readinessProbe.exec.command: removed"),
            .field(
                web, container("livenessProbe"), #"{"httpGet":{"path":"/x","port":3000}}"#,
                "livenessProbe.httpGet.path: removed: /x"),
            .field(
                web, container("lifecycle/preStop"), #"{"httpGet":{"path":"/x","port":3000}}"#,
                "preStop.httpGet.path: removed: /x"),
            .field(
                web, container("env/0"),
                #"{"name":"RAILS_LOG_TO_STDOUT","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}}"#,
                "env[RAILS_LOG_TO_STDOUT].valueFrom.fieldRef.fieldPath: removed: metadata.name"),
            .added(worker, container("args"), #"["--help"]"#, "containers[worker].args: removed: "),
            .added(
                "ingress/chatwoot-ingress", "/metadata/annotations/kubernetes.io~1ingress.class", #""other""#,
                "metadata.annotations[kubernetes.io/ingress.class]: removed: other"),
            .added(
                "secret/chatwoot-secrets", "/data/DATABASE_URL", #""eA==""#,
                "chatwoot-secrets: data.DATABASE_URL: removed"),
        ]
        let commanded: [Drift] = [
            .command(
                "worker paused", kubectl("rollout", "pause", worker), "chatwoot-worker: spec.paused: removed: true"),
            .command(
                "worker replaces its pods at once",
                kubectl("patch", worker, "-p", #"{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}"#),
                "chatwoot-worker: spec.strategy.type: Recreate → RollingUpdate"),
            .command(
                "budget counts those that stay",
                kubectl(
                    "patch", "pdb/chatwoot-web", "--type=merge", "-p",
                    #"{"spec":{"maxUnavailable":null,"minAvailable":1}}"#), "spec.minAvailable: removed: 1"),
            .command(
                "Service of type NodePort",
                kubectl("patch", "service/chatwoot-web", "-p", #"{"spec":{"type":"NodePort"}}"#),
                "chatwoot-web: spec.type: NodePort → ClusterIP"),
        ]
        let config = #"""
            {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"chatwoot-config"},
             "data":{"POSTGRES_DB":"chatwoot","REDIS_HOST":"10.0.0.10","RAILS_ENV":"development"}}
            """#
        let ingress = #"""
            {"apiVersion":"networking.k8s.io/v1","kind":"Ingress",
             "metadata":{"name":"chatwoot-ingress","annotations":{"cert-manager.io/cluster-issuer":"letsencrypt"}},
             "spec":{"tls":[{"hosts":["support.keybuzz.io"],"secretName":"tls"}],"rules":[{"host":"other.example"}]}}
            """#
        return patched + commanded
            + applied(
                "ConfigMap applied client-side", config, "data.POSTGRES_DB: removed", "data.REDIS_HOST: removed",
                "data.RAILS_ENV: development → production", "last-applied-configuration]: removed")
            + applied(
                "Ingress applied client-side", ingress, "spec.rules[0].host: other.example → support.keybuzz.io")
    }()

    private static let notChangeable: [Drift] = [
        .action(
            "pull Secret of type Opaque", "replace Secret chatwoot/ghcr-secret, because type cannot be changed in place"
        ) {
            try await Lab.call(kubectl("delete", "secret/ghcr-secret"))
            try await Lab.call(
                kubectl("create", "secret", "generic", "ghcr-secret", "--from-literal=.dockerconfigjson={}"))
        },
        .command(
            "ConfigMap closed for good",
            kubectl("patch", "configmap/chatwoot-config", "-p", #"{"immutable":true,"data":{"INSTALLATION_ENV":"x"}}"#),
            "replace ConfigMap chatwoot/chatwoot-config, because immutable cannot be changed in place"),
        .action(
            "Service without an address",
            "replace Service chatwoot/chatwoot-web, because spec.clusterIP cannot be changed in place: it gets a new cluster IP"
        ) {
            try await Lab.call(kubectl("delete", "service/chatwoot-web"))
            try await Lab.call(
                kubectl("create", "service", "clusterip", "chatwoot-web", "--clusterip=None", "--tcp=3000:3000"))
        },
        .action(
            "worker with another selector",
            "replace Deployment chatwoot/chatwoot-worker, because spec.selector cannot be changed in place: all its pods are terminated"
        ) {
            try await Lab.call(kubectl("delete", "deployment/chatwoot-worker"))
            try await Lab.call(
                kubectl("create", "deployment", "chatwoot-worker", "--image=ghcr.io/keybuzzio/none:none"))
        },
    ]
}
