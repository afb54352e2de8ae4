import ClientKit
import Kubernetes
import SSH
import Synchronization
import TestSupport
import Testing

extension ServerTests {
    /// What somebody changed in a list whose elements have keys is named, removed in one write, and stays away.
    @Suite struct UnmanagedElementRepairTests {
        let server: APIServer

        init() throws {
            server = try #require(APIServer.current)
        }

        /// Counts the commands that go through it; before the first replacement that is no trial, somebody else writes.
        private final class Onlooker: RemoteShell {
            let hostName = "k8s-master-01"
            private let seen = Mutex<[String]>([])
            private let meddle: (@Sendable () async throws -> Void)?
            var verbs: [String] { seen.withLock { $0 } }

            init(meddle: (@Sendable () async throws -> Void)? = nil) { self.meddle = meddle }

            func run(_ command: RemoteCommand) async throws(SSHError) -> CommandResult {
                let isTrial = command.arguments.contains("--dry-run=server")
                let isFirst = seen.withLock { seen in
                    seen.append(command.arguments[4] + (isTrial ? " (dry run)" : ""))
                    return seen.count { $0 == "replace" } == 1 && seen.last == "replace"
                }
                if isFirst, let meddle {
                    do { try await meddle() } catch { Issue.record("\(error)") }
                }
                return try await LocalShell().run(command)
            }
        }

        private func kubectl(_ arguments: [String]) async throws {
            let command = RemoteCommand(
                ["kubectl", "--kubeconfig", server.kubeconfig] + arguments, effect: .change)
            let result = try await LocalShell().run(command)
            try #require(result.exitStatus == 0, "\(result.errorText)")
        }

        private func patch(
            _ namespace: String, _ object: String, _ operations: String...
        ) async throws {
            let patch = "[\(operations.joined(separator: ","))]"
            try await kubectl(["-n", namespace, "patch", object, "--type=json", "-p", patch])
        }

        private static let pod = "/spec/template/spec"
        private static let service = #"{"op":"replace","path":"/spec/ports/0/port","value":3001}"#

        private func provoke(_ namespace: String) async throws {
            try await patch(namespace, "service/chatwoot-web", Self.service)
            try await patch(
                namespace, "deployment/chatwoot-web",
                #"{"op":"replace","path":"\#(Self.pod)/containers/0/ports/0/containerPort","value":3001}"#,
                #"{"op":"replace","path":"\#(Self.pod)/topologySpreadConstraints/0/topologyKey","value":"zone"}"#,
                #"{"op":"replace","path":"\#(Self.pod)/containers/0/env/0/name","value":"PORTX"}"#,
                #"{"op":"replace","path":"\#(Self.pod)/containers/0/volumeMounts/0/mountPath","value":"/x"}"#,
                #"{"op":"add","path":"\#(Self.pod)/imagePullSecrets/-","value":{"name":"other"}}"#,
                #"{"op":"add","path":"\#(Self.pod)/containers/-","value":{"name":"beside","image":"x"}}"#
            )
            try await kubectl([
                "-n", namespace, "set", "env", "deployment/chatwoot-web", "-c", "web",
                "ADDED=hunter2",
            ])
        }

        private func start(_ namespace: String) async throws -> [any Manifest] {
            let desired: [any Manifest] = [
                Samples.namespace(namespace), Samples.deployment(namespace),
                Samples.service(namespace),
            ]
            try await server.writer.apply(desired)
            return desired
        }

        private func object(_ manifest: any Manifest) async throws -> JSONValue {
            try #require(try await server.reader.get(manifest.reference))
        }

        @Test func isNamedRemovedAtOnceAndNotSeenAgain() async throws {
            let desired = try await start("unmanaged")
            let before = [try await object(desired[1]), try await object(desired[2])].map {
                $0["spec"]
            }
            try await provoke("unmanaged")

            let plan = try await server.reader.compare(desired)
            #expect(plan.map(\.certainty) == [.proved, .proved])
            let container = "spec.template.spec.containers[web]"
            let spread = "spec.template.spec.topologySpreadConstraints[zone,ScheduleAnyway]"
            let words = plan.flatMap(\.fields).map { String($0.description.prefix { $0 != "(" }) }
            #expect(
                words == [
                    #"\#(container).env[PORT]: added: {"name":"PORT","value":"3000"}"#,
                    "\(container).env[PORTX]: removed ", "\(container).env[ADDED]: removed ",
                    "\(container).ports[3001].containerPort: 3001 → 3000 ",
                    #"\#(container).volumeMounts[/app/tmp]: added: {"mountPath":"/app/tmp","name":"tmp"}"#,
                    #"\#(container).volumeMounts[/x]: removed: {"mountPath":"/x","name":"tmp"} "#,
                    "spec.template.spec.containers[beside]: removed ",
                    #"spec.template.spec.imagePullSecrets[other]: removed: {"name":"other"} "#,
                    "\(spread).topologyKey: zone → kubernetes.io/hostname ",
                    "spec.ports[3001].port: 3001 → 3000 ",
                ])
            #expect(
                plan.flatMap(\.fields).map(\.managedBy) == [
                    nil, "kubectl-patch", "kubectl-set", "kubectl-patch", nil, "kubectl-patch",
                    "kubectl-patch",
                    "kubectl-patch", "kubectl-patch", "kubectl-patch",
                ])
            #expect(!words.joined().contains("hunter2"))

            let generation = try await object(desired[1])["metadata", "generation"]?.integer ?? 0
            try await server.writer.apply(desired)
            #expect(try await server.reader.compare(desired) == [])
            let after = [try await object(desired[1]), try await object(desired[2])]
            #expect(after.map { $0["spec"] } == before)
            // One write rolls the pods once, and no port is missing in between.
            #expect(after[0]["metadata", "generation"]?.integer == generation + 1)
        }

        /// Ownership is left as after any apply: what is not sent any more goes.
        @Test func nothingOfTheRepairKeepsElementsAlive() async throws {
            let desired = try await start("owned")
            try await patch("owned", "service/chatwoot-web", Self.service)
            try await server.writer.apply(desired)
            var service = Samples.service("owned")
            service.spec.ports[0].port = 3002
            try await server.writer.apply([service])
            #expect(
                try await object(service)["spec", "ports"]?.elements.map { $0["port"] } == [3002])
        }

        @Test func whatWasNeverAppliedIsTakenOverWhole() async throws {
            try await server.writer.apply([Samples.namespace("foreign")])
            try await kubectl([
                "-n", "foreign", "create", "service", "clusterip", "chatwoot-web", "--tcp=80:80",
            ])
            let desired = [Samples.service("foreign")]
            let plan = try await server.reader.compare(desired)
            let words = plan.flatMap(\.lines)
            #expect(words.contains { $0.contains("spec.ports[80]: removed: ") })
            try await server.writer.apply(desired)
            #expect(try await server.reader.compare(desired) == [])
            #expect(try await object(desired[0])["spec", "ports"]?.elements.count == 1)
        }

        @Test func whoWritesAtTheSameTimeIsNotOverwritten() async throws {
            let desired = try await start("race")
            try await patch("race", "service/chatwoot-web", Self.service)
            let shell = Onlooker { [self] in
                try await kubectl(["-n", "race", "label", "service/chatwoot-web", "theirs=stays"])
            }
            try await ClusterWriter(shell: shell, kubeconfig: server.kubeconfig, requestTimeout: .seconds(15)).apply(
                desired)
            #expect(shell.verbs == ["get", "replace", "get", "replace", "get", "apply"])
            #expect(try await server.reader.compare(desired) == [])
            #expect(try await object(desired[2])["metadata", "labels", "theirs"] == "stays")
        }

        @Test func costsNothingWhereThereIsNone() async throws {
            let desired = try await start("counted")
            let shell = Onlooker()
            let writer = ClusterWriter(shell: shell, kubeconfig: server.kubeconfig, requestTimeout: .seconds(15))
                .answering(
                    from: ClusterSurvey())
            #expect(try await writer.reader.compare(desired) == [])
            try await writer.apply(desired)
            #expect(shell.verbs == ["get", "apply (dry run)", "get", "apply"])

            try await patch("counted", "service/chatwoot-web", Self.service)
            #expect(try await writer.reader.compare(desired).flatMap(\.fields).count == 1)
            try await writer.apply(desired)
            #expect(
                shell.verbs.dropFirst(4) == [
                    "get", "apply (dry run)", "replace (dry run)", "get", "get", "replace", "get",
                    "apply",
                ])
        }
    }
}
