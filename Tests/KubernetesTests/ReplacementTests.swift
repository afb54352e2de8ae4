import ClientKit
import Foundation
import SSH
import TestSupport
import Testing

@testable import Kubernetes

extension ServerTests {
    /// What cannot be changed in place is deleted and made anew; what is being deleted is waited for.
    @Suite struct ReplacementTests {
        let server: APIServer

        init() throws {
            server = try #require(APIServer.current)
        }

        private func kubectl(_ arguments: [String]) async throws {
            let command = RemoteCommand(["kubectl", "--kubeconfig", server.kubeconfig] + arguments, effect: .change)
            let result = try await LocalShell().run(command)
            try #require(result.exitStatus == 0, "\(result.errorText)")
        }

        private func uid(_ manifest: any Manifest) async throws -> String? {
            try await server.reader.get(manifest.reference)?.uid
        }

        /// Expects the plan, and that the apply makes another object, which the next plan is content with.
        private func expectReplaced(_ manifest: any Manifest, _ words: [String]) async throws {
            let before = try await uid(manifest)
            let plan = try await server.reader.compare([manifest])
            #expect(plan.map(\.kind) == [.replace])
            #expect(plan.map(\.certainty) == [.proved])
            #expect(plan.flatMap(\.lines).map { $0.replacing(#/[ ]\(set by .+/#, with: "") } == words)
            try await server.writer.apply([manifest])
            #expect(try await server.reader.compare([manifest]) == [])
            #expect(try await uid(manifest) != before)
        }

        private func pullSecret(_ namespace: String) -> SecretObject {
            SecretObject(
                metadata: ObjectMeta(name: "ghcr-secret", namespace: namespace), type: "kubernetes.io/dockerconfigjson",
                data: [".dockerconfigjson": Secret(#"{"auths":{"ghcr.io":{"auth":"aHVudGVyMg=="}}}"#)])
        }

        @Test func aPullSecretOfTypeOpaque() async throws {
            try await server.writer.apply([Samples.namespace("opaque")])
            try await kubectl(
                ["-n", "opaque", "create", "secret", "generic", "ghcr-secret", "--from-literal=.dockerconfigjson={}"])
            try await expectReplaced(
                pullSecret("opaque"),
                [
                    "replace Secret opaque/ghcr-secret, because type cannot be changed in place",
                    "Secret opaque/ghcr-secret: data[.dockerconfigjson]: changed",
                    "Secret opaque/ghcr-secret: type: Opaque → kubernetes.io/dockerconfigjson",
                ])
        }

        @Test func dataThatIsClosedForGood() async throws {
            let map = Samples.configMap("frozen")
            let secret = Samples.secret("frozen")
            try await server.writer.apply([Samples.namespace("frozen"), map, secret])
            for object in ["configmap/chatwoot-config", "secret/chatwoot-secrets"] {
                try await kubectl(["-n", "frozen", "patch", object, "-p", #"{"immutable":true}"#])
            }
            // The same data hinders nobody.
            #expect(try await server.reader.compare([map, secret]) == [])
            try await server.writer.apply([map, secret])
            try await expectReplaced(
                Samples.configMap("frozen", ["RAILS_ENV": "production", "A": "2"]),
                [
                    "replace ConfigMap frozen/chatwoot-config, because immutable cannot be changed in place",
                    "ConfigMap frozen/chatwoot-config: data.A: 1 → 2",
                    "ConfigMap frozen/chatwoot-config: immutable: removed: true",
                ])
            try await expectReplaced(
                Samples.secret("frozen", ["POSTGRES_PASSWORD": Secret("hunter3")]),
                [
                    "replace Secret frozen/chatwoot-secrets, because immutable cannot be changed in place",
                    "Secret frozen/chatwoot-secrets: data.POSTGRES_PASSWORD: changed",
                    "Secret frozen/chatwoot-secrets: immutable: removed: true",
                ])
        }

        @Test func aSelectorAndAnAddress() async throws {
            try await server.writer.apply([Samples.namespace("fixed")])
            var deployment = Samples.deployment("fixed")
            deployment.spec.selector.matchLabels = ["app": "chatwoot"]
            var service = Samples.service("fixed").json()
            service = service.setting([.field("spec"), .field("clusterIP")], to: "None")
            try await server.writer.apply([deployment])
            let command = RemoteCommand(
                ["kubectl", "--kubeconfig", server.kubeconfig, "create", "-f", "-"],
                standardInput: service.serialized(), effect: .change)
            try #require(try await LocalShell().run(command).exitStatus == 0)

            try await expectReplaced(
                Samples.deployment("fixed"),
                [
                    "replace Deployment fixed/chatwoot-web, because spec.selector cannot be changed in place: all its pods "
                        + "are terminated, and it is down until new ones are ready",
                    "Deployment fixed/chatwoot-web: spec.selector.matchLabels.component: added: web",
                ])
            try await expectReplaced(
                Samples.service("fixed"),
                [
                    "replace Service fixed/chatwoot-web, because spec.clusterIP cannot be changed in place: it gets a new "
                        + "cluster IP and is unreachable until the nodes know that"
                ])
        }

        /// What no table knows is told by the server's failure.
        @Test func aFieldThatOnlyTheServerKnows() async throws {
            let failure = KubectlFailure(
                exitStatus: 1,
                errorText:
                    #"The Service "chatwoot-web" is invalid: spec.loadBalancerClass: Invalid value: "null": may not "#
                    + "change once set\nThe Deployment \"other\" is invalid: spec.selector: Invalid value: x: field is immutable\n",
                kubeconfig: "/k", host: "h", within: .seconds(15))
            let error = KubernetesError(
                failure.code, attempt: "apply", host: "h", cause: failure.cause, remedy: failure.remedy)
            let found = ImmutableFields.reported(
                by: error,
                among: [Samples.service("a"), Samples.deployment("a"), Samples.job("a")])
            #expect(found == [Samples.service("a").reference: ["spec.loadBalancerClass"]])

            // The order of a PersistentVolumeClaim's or a Job's fields is of no kind that is known; a Job is never made anew.
            try await server.writer.apply([Samples.namespace("unknown"), Samples.job("unknown")])
            var job = Samples.job("unknown")
            job.spec.template.spec.containers[0].image = "other"
            let refused = await #expect(throws: KubernetesError.self) { try await server.reader.compare([job]) }
            #expect(refused?.serverReason == .invalid)
        }

        /// Killed between the two, the next run finds a missing object and makes it.
        @Test func aReplacementThatWasCutOffGoesOn() async throws {
            try await server.writer.apply([Samples.namespace("cut")])
            try await kubectl(
                ["-n", "cut", "create", "secret", "generic", "ghcr-secret", "--from-literal=.dockerconfigjson={}"])
            let shell = Severed()
            let writer = ClusterWriter(shell: shell, kubeconfig: server.kubeconfig, requestTimeout: .seconds(15))
            await #expect(throws: KubernetesError.self) { try await writer.apply([pullSecret("cut")]) }
            #expect(try await server.reader.get(pullSecret("cut").reference) == nil)
            #expect(try await server.reader.compare([pullSecret("cut")]).map(\.kind) == [.create])
            try await server.writer.apply([pullSecret("cut")])
            #expect(try await server.reader.compare([pullSecret("cut")]) == [])
        }

        /// A shell that is gone when something is to be applied.
        private struct Severed: RemoteShell {
            let hostName = "k8s-master-01"

            func run(_ command: RemoteCommand) async throws(SSHError) -> CommandResult {
                guard !command.arguments.contains("apply") else {
                    throw ScriptedShell.failure("the connection is lost")
                }
                return try await LocalShell().run(command)
            }
        }

        @Test func whatAFinalizerHoldsIsSaidAndWaitedFor() async throws {
            let map = Samples.configMap("held")
            try await server.writer.apply([Samples.namespace("held"), map])
            try await kubectl(
                [
                    "-n", "held", "patch", "configmap/chatwoot-config", "-p",
                    #"{"metadata":{"finalizers":["example.com/hold"]}}"#,
                ])
            try await server.writer.delete([map.reference])

            let plan = try await server.reader.compare([map])
            #expect(
                plan.flatMap(\.lines) == [
                    "create ConfigMap held/chatwoot-config once the existing one is deleted "
                        + "(blocked by finalizer example.com/hold)"
                ])
            let late = await #expect(throws: KubernetesError.self) {
                try await server.writer.apply([map], within: .seconds(0))
            }
            #expect(late?.attempt == "wait for the deletion of ConfigMap held/chatwoot-config")
            #expect(late?.cause.contains("(blocked by finalizer example.com/hold)") == true)
            #expect(late?.remedy.contains("kubectl -n held edit configmap chatwoot-config") == true)

            // Whoever holds it lets go as soon as the wait is said.
            let (said, saying) = AsyncStream.makeStream(of: String.self)
            async let release: Void = {
                var words = said.makeAsyncIterator()
                #expect(await words.next()?.contains("ConfigMap held/chatwoot-config") == true)
                try await kubectl(
                    ["-n", "held", "patch", "configmap/chatwoot-config", "--type=merge", "-p"]
                        + [#"{"metadata":{"finalizers":null}}"#])
            }()
            try await server.writer.apply([map], within: .seconds(60)) { text, _ in saying.yield(text) }
            try await release
            #expect(try await server.reader.compare([map]) == [])
        }

        @Test func aNamespaceThatIsGoingIsSaidAndWaitedFor() async throws {
            let desired: [any Manifest] = [Samples.namespace("going"), Samples.configMap("going")]
            try await server.writer.apply(desired)
            // Without controllers nobody finishes the deletion: it stays in the state that a real one passes through.
            try await server.writer.delete([desired[0].reference])
            let plan = try await server.reader.compare(desired)
            #expect(
                plan.flatMap(\.lines) == [
                    "create Namespace going once the existing one is deleted",
                    "create ConfigMap going/chatwoot-config once Namespace going is deleted",
                ])
            #expect(
                plan.map(\.certainty) == [
                    .predicted("the existing one is still being deleted"),
                    .predicted("Namespace going is still being deleted"),
                ])
            let late = await #expect(throws: KubernetesError.self) {
                try await server.writer.apply([desired[1]], within: .seconds(0))
            }
            #expect(late?.attempt == "wait for the deletion of Namespace going")
        }
    }
}
