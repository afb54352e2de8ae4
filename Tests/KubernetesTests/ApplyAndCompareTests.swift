import ClientKit
import Foundation
import Kubernetes
import SSH
import TestSupport
import Testing

extension ServerTests {
    @Suite struct ApplyAndCompareTests {
        let server: APIServer

        init() throws {
            server = try #require(APIServer.current)
        }

        /// Runs kubectl as somebody else who has a hand in the cluster.
        private func kubectl(_ arguments: String..., input: String = "") async throws {
            let command = RemoteCommand(
                ["kubectl", "--kubeconfig", server.kubeconfig] + arguments, standardInput: Array(input.utf8),
                effect: .change)
            let result = try await LocalShell().run(command)
            try #require(result.exitStatus == 0, "\(result.errorText)")
        }

        /// The objects with all that a controller would react to: their generation above all.
        private func contents(_ manifests: [any Manifest]) async throws -> [JSONValue] {
            try await server.reader.get(manifests.map(\.reference)).map { object in
                var members = object.members
                var metadata = members["metadata"]?.members ?? [:]
                metadata["resourceVersion"] = nil
                members["metadata"] = .object(metadata)
                return .object(members)
            }
        }

        private struct Misspelled: Manifest {
            let apiVersion = "v1"
            let kind = "ConfigMap"
            let metadata: ObjectMeta
            let dta = ["A": "1"]
        }

        /// Were it dropped on its way, the object would be in place without it, and nobody would know.
        @Test func aFieldThatTheServerDoesNotKnowIsRefusedBeforeAnythingIsApplied() async throws {
            let namespace = Samples.namespace("misspelled")
            let object = Misspelled(metadata: ObjectMeta(name: "a", namespace: "misspelled"))
            try await server.writer.apply([namespace])
            let error = await #expect(throws: KubernetesError.self) {
                try await server.reader.compare([namespace, object])
            }
            #expect(error?.cause.contains("dta") == true, "\(String(describing: error))")
            #expect(try await server.reader.get([object.reference]).isEmpty)
        }

        @Test func everyKindAppliesAndIsInPlaceAfterwards() async throws {
            let version = try await server.reader.serverVersion()
            let desired = [Samples.namespace("every")] + Samples.everything("every", for: version)

            let plan = try await server.reader.compare(desired)
            #expect(plan.map(\.kind) == Array(repeating: .create, count: desired.count))
            #expect(plan[0].certainty == .proved)
            #expect(plan[1].certainty == .predicted("namespace every does not exist yet"))

            let applied = try await server.writer.apply(desired)
            #expect(applied.map(\.name) == desired.map(\.metadata.name))
            #expect(try await server.reader.compare(desired) == [])

            // 1.20 notes the time of an apply that changes nothing in managedFields of some kinds; nothing else may change.
            let before = try await contents(desired)
            try await server.writer.apply(desired)
            #expect(try await contents(desired) == before)
        }

        @Test func planningChangesNothing() async throws {
            _ = try await server.reader.compare([Samples.namespace("untouched"), Samples.configMap("untouched")])
            _ = try await server.reader.compare([Samples.configMap("default")])
            let namespace = ObjectReference(apiVersion: "v1", kind: "Namespace", name: "untouched")
            #expect(try await server.reader.get([namespace, Samples.configMap("default").reference]) == [])
        }

        @Test func aMissingObjectInAPresentNamespaceIsProved() async throws {
            let plan = try await server.reader.compare([Samples.configMap("default")])
            #expect(
                plan == [
                    ObjectDifference(
                        reference: Samples.configMap("default").reference, kind: .create, certainty: .proved)
                ])
            #expect(plan.flatMap(\.lines) == ["create ConfigMap default/chatwoot-config"])
        }

        @Test func whatOthersChangedIsNamedWithThem() async throws {
            let desired: [any Manifest] = [
                Samples.namespace("drift"), Samples.deployment("drift"), Samples.service("drift"),
            ]
            try await server.writer.apply(desired)
            try await kubectl(
                "-n", "drift", "set", "image", "deployment/chatwoot-web", "web=nginx:1", "--field-manager=kubectl-set")
            try await kubectl(
                "-n", "drift", "patch", "deployment", "chatwoot-web", "--field-manager=hand", "--type=json", "-p",
                #"[{"op":"replace","path":"/spec/template/spec/containers/0/env/0/value","value":"4000"},"#
                    + #"{"op":"remove","path":"/spec/template/spec/containers/0/resources/limits/cpu"},"#
                    + #"{"op":"replace","path":"/spec/template/spec/containers/0/readinessProbe/timeoutSeconds","value":1}]"#
            )
            try await kubectl("-n", "drift", "label", "service", "chatwoot-web", "theirs=stays", "--field-manager=hand")

            let plan = try await server.reader.compare(desired)
            let fields = try #require(plan.first).fields
            let container = "spec.template.spec.containers[web]"
            #expect(plan.count == 1)
            #expect(
                fields.map(\.path) == [
                    "\(container).env[PORT].value", "\(container).image",
                    "\(container).readinessProbe.timeoutSeconds", "\(container).resources.limits.cpu",
                ])
            #expect(fields.map(\.old) == ["4000", "nginx:1", "1", nil])
            #expect(
                fields.map(\.new) == ["3000", "ghcr.io/keybuzzio/chatwoot-keybuzz:v3.12.0", "5", "1"])
            #expect(fields.map(\.managedBy) == ["hand", "kubectl-set", "hand", nil])
            #expect(fields[1].managedAt != nil)

            try await server.writer.apply(desired)
            #expect(try await server.reader.compare(desired) == [])
            let service = try #require(try await server.reader.get(Samples.service("drift").reference))
            #expect(service["metadata", "labels", "theirs"] == "stays")
        }

        @Test func aHandfulOfReplicasIsPutBack() async throws {
            let desired: [any Manifest] = [Samples.namespace("scaled"), Samples.deployment("scaled")]
            try await server.writer.apply(desired)
            try await kubectl("-n", "scaled", "scale", "deployment/chatwoot-web", "--replicas=5")
            let plan = try await server.reader.compare(desired)
            #expect(plan.flatMap(\.lines).count == 1)
            #expect(plan.flatMap(\.lines).first?.contains("spec.replicas: 5 → 2") == true)
        }

        @Test func fieldsNoLongerSentAreRemoved() async throws {
            try await server.writer.apply([Samples.configMap("default", ["A": "1", "B": "2"])])
            let plan = try await server.reader.compare([Samples.configMap("default", ["A": "1"])])
            #expect(plan.flatMap(\.lines) == ["ConfigMap default/chatwoot-config: data.B: removed: 2"])
            try await server.writer.apply([Samples.configMap("default", ["A": "1"])])
            #expect(try await server.reader.get(Samples.configMap("default").reference)?["data"] == ["A": "1"])
            try await server.writer.delete([Samples.configMap("default").reference])
        }

        @Test func secretsAreComparedAndNeverShown() async throws {
            let old = Samples.secret(
                "default", ["A": Secret("hunter2"), "B": Secret("same'\"\\$%é"), "C": Secret("gone")])
            let new = Samples.secret(
                "default", ["A": Secret("hunter3"), "B": Secret("same'\"\\$%é"), "D": Secret("new")])
            try await server.writer.apply([old])

            let plan = try await server.reader.compare([new])
            #expect(
                plan.flatMap(\.lines) == [
                    "Secret default/chatwoot-secrets: data.A: changed",
                    "Secret default/chatwoot-secrets: data.C: removed",
                    "Secret default/chatwoot-secrets: data.D: added",
                ])
            var dumped = ""
            dump(plan, to: &dumped)
            #expect(!dumped.contains("hunter") && !dumped.contains("aHVudGVy"))

            try await server.writer.apply([new])
            let values = try #require(try await server.reader.readSecret("chatwoot-secrets", namespace: "default"))
            #expect(values.mapValues { $0.reveal() } == ["A": "hunter3", "B": "same'\"\\$%é", "D": "new"])
            try await server.writer.delete([new.reference])
            #expect(try await server.reader.readSecret("chatwoot-secrets", namespace: "default") == nil)
        }

        @Test func whatTheServerWouldRefuseIsRefusedByThePlan() async throws {
            var service = Samples.service("default")
            service.spec.ports[0].port = 99_999
            let error = await #expect(throws: KubernetesError.self) { try await server.reader.compare([service]) }
            #expect(error?.serverReason == .invalid)
            #expect(error?.kind == .failed)
            #expect(error?.exitStatus == 1)
            #expect(error?.cause.contains("must be between 1 and 65535") == true)
        }

        @Test func deletingWhatIsNotThereIsNoError() async throws {
            #expect(try await server.writer.delete([Samples.configMap("nowhere").reference]) == [])
        }

        @Test func creatingTwiceIsAlreadyExists() async throws {
            let map = ConfigMap(metadata: ObjectMeta(name: "once", namespace: "default"), data: [:])
            let created = try await server.writer.create(map)
            let error = await #expect(throws: KubernetesError.self) { try await server.writer.create(map) }
            #expect(error?.serverReason == .alreadyExists)

            let version = try #require(created["metadata", "resourceVersion"]?.string)
            var changed = map
            changed.data = ["A": "1"]
            try await server.writer.replace(changed, resourceVersion: version)
            let stale = await #expect(throws: KubernetesError.self) {
                try await server.writer.replace(changed, resourceVersion: version)
            }
            #expect(stale?.serverReason == .conflict)
        }
    }
}
