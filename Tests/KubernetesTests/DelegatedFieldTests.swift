import ClientKit
import Kubernetes
import SSH
import TestSupport
import Testing

extension ServerTests {
    /// A count that a manifest leaves to others keeps its value, also where earlier applies have set it.
    @Suite struct DelegatedFieldTests {
        let server: APIServer

        init() throws {
            server = try #require(APIServer.current)
        }

        private func kubectl(_ arguments: String...) async throws {
            let command = RemoteCommand(
                ["kubectl", "--kubeconfig", server.kubeconfig] + arguments, effect: .change)
            let result = try await LocalShell().run(command)
            try #require(result.exitStatus == 0, "\(result.errorText)")
        }

        private func scale(_ namespace: String, to replicas: Int) async throws {
            try await kubectl(
                "-n", namespace, "scale", "deployment/chatwoot-web", "--replicas=\(replicas)")
        }

        private func object(_ namespace: String) async throws -> JSONValue {
            let command = RemoteCommand(
                [
                    "kubectl", "--kubeconfig", server.kubeconfig, "-n", namespace, "get",
                    "deployment/chatwoot-web",
                    "-o",
                    "json", "--show-managed-fields",
                ], effect: .read)
            return try JSONValue(parsing: try await LocalShell().run(command).standardOutput)
        }

        private func replicas(_ namespace: String) async throws -> Int? {
            try await object(namespace)["spec", "replicas"]?.integer
        }

        /// The same Deployment with a number, and leaving it to others.
        private func deployments(
            _ namespace: String
        ) async throws -> (counted: Deployment, left: Deployment) {
            try await server.writer.apply([Samples.namespace(namespace)])
            let counted = Samples.deployment(namespace)
            var left = counted
            left.spec.replicas = nil
            return (counted, left)
        }

        @Test func whatOnlyWeHaveSetStaysAsItIs() async throws {
            let (counted, left) = try await deployments("left")
            try await server.writer.apply([counted])
            #expect(try await server.reader.compare([left]) == [])
            try await server.writer.apply([left])
            #expect(try await replicas("left") == 2)
            let ours = try await object("left")["metadata", "managedFields"]?.elements.first {
                $0["manager"]?.string == ClusterWriter.fieldManager
                    && $0["operation"]?.string == "Apply"
            }
            #expect(ours?["fieldsV1", "f:spec", "f:template"] != nil)
            #expect(ours?["fieldsV1", "f:spec"]?.members.keys.contains("f:replicas") == false)
            #expect(try await server.reader.compare([left]) == [])
        }

        /// Kubernetes 1.20 records no owner for `scale`: our own ownership of the old number would bring one pod.
        @Test func whatSomebodyScaledStaysAsItIsWhileTheRestIsRepaired() async throws {
            var (counted, left) = try await deployments("scaled-left")
            try await server.writer.apply([counted])
            try await scale("scaled-left", to: 5)
            try await kubectl(
                "-n", "scaled-left", "patch", "deployment/chatwoot-web", "-p",
                #"{"spec":{"revisionHistoryLimit":3}}"#)
            left.spec.revisionHistoryLimit = 6
            #expect(
                try await server.reader.compare([left]).flatMap(\.fields).map(\.path) == [
                    "spec.revisionHistoryLimit"
                ])
            try await server.writer.apply([left])
            #expect(try await replicas("scaled-left") == 5)
            #expect(try await server.reader.compare([left]) == [])
            try await scale("scaled-left", to: 0)
            #expect(try await server.reader.compare([left]) == [])
            try await server.writer.apply([left])
            #expect(try await replicas("scaled-left") == 0)
        }

        @Test func aNumberAgainIsDriftLikeAnyOther() async throws {
            let (counted, left) = try await deployments("numbered")
            try await server.writer.apply([left])
            #expect(try await replicas("numbered") == 1)
            try await scale("numbered", to: 5)
            let words = try await server.reader.compare([counted]).flatMap(\.lines)
            #expect(words.count == 1 && words[0].contains("spec.replicas: 5 → 2"))
            try await server.writer.apply([counted])
            #expect(try await replicas("numbered") == 2)
        }

        @Test func anAnnotationIsSetAndRemoved() async throws {
            let (counted, _) = try await deployments("annotated")
            try await server.writer.apply([counted])
            for value in ["4", "3", nil] {
                try await server.writer.annotate(
                    deployment: "chatwoot-web", namespace: "annotated", key: "example.com/a",
                    value: value)
                let found = try await object("annotated")[
                    "metadata", "annotations", "example.com/a"]?.string
                #expect(found == value)
            }
            #expect(try await server.reader.compare([counted]) == [])
        }
    }
}
