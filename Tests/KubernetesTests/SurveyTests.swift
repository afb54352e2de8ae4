import ClientKit
import Kubernetes
import SSH
import Synchronization
import TestSupport
import Testing

extension ServerTests {
    /// A survey must answer as the cluster itself would, with no command more, and not at all once it is forgotten.
    @Suite struct SurveyTests {
        let server: APIServer

        init() throws {
            server = try #require(APIServer.current)
        }

        /// Counts the commands that go through it.
        private final class Counter: RemoteShell {
            let hostName = "k8s-master-01"
            private let count = Mutex(0)
            var commands: Int { count.withLock { $0 } }

            func run(_ command: RemoteCommand) async throws(SSHError) -> CommandResult {
                count.withLock { $0 += 1 }
                return try await LocalShell().run(command)
            }
        }

        @Test func answersAsTheClusterWould() async throws {
            let desired =
                [Samples.namespace("surveyed")]
                + Samples.everything("surveyed", for: try await server.reader.serverVersion())
            try await server.writer.apply(desired)
            let shell = Counter()
            let survey = ClusterSurvey()
            let reader = ClusterReader(shell: shell, kubeconfig: server.kubeconfig, requestTimeout: .seconds(15))
                .answering(from: survey)
            try await reader.makeSurvey(of: "surveyed")
            #expect(shell.commands == 1)

            #expect(
                try await reader.readSecret("chatwoot-secrets", namespace: "surveyed")
                    == (try await server.reader.readSecret("chatwoot-secrets", namespace: "surveyed")))
            #expect(try await reader.readSecret("no-such", namespace: "surveyed") == nil)
            let listed = try await reader.list(["deployments.apps", "services"], namespace: "surveyed")
            let really = try await server.reader.list(["deployments.apps", "services"], namespace: "surveyed")
            #expect(listed.compactMap { $0["metadata", "name"] } == really.compactMap { $0["metadata", "name"] })
            #expect(try await reader.list(["pods"], namespace: "surveyed", labels: ["app": "none"]).isEmpty)
            #expect(shell.commands == 1)
            // The dry run alone is left of a comparison.
            #expect(try await reader.compare(desired) == [])
            #expect(shell.commands == 2)

            // Outside of what was read the cluster is asked.
            _ = try await reader.list(["pods"], namespace: "default")
            _ = try await reader.list(["serviceaccounts"], namespace: "surveyed")
            _ = try await reader.readSecret("chatwoot-secrets", namespace: "default")
            #expect(shell.commands == 5)

            try await server.writer.apply([Samples.configMap("surveyed", ["A": "2"])])
            await survey.forget()
            let map = try await reader.get(Samples.configMap("surveyed").reference)
            #expect(map?["data", "A"]?.string == "2")
        }
    }
}
