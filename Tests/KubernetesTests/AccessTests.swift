import ClientKit
import Foundation
import Kubernetes
import Testing

extension ServerTests {
    @Suite struct AccessTests {
        let server: APIServer

        init() throws {
            server = try #require(APIServer.current)
        }

        private func failure(_ kubeconfig: String) async -> KubernetesError? {
            let reader = server.reader(kubeconfig)
            return await #expect(throws: KubernetesError.self) {
                try await reader.list(["pods"], namespace: "default")
            }
        }

        @Test func theServersClockIsNow() async throws {
            let time = try await server.reader.serverTime()
            #expect(abs(time.timeIntervalSinceNow) < 5)
        }

        @Test func theVersionChoosesTheBudgetsVersion() async throws {
            let version = try await server.reader.serverVersion()
            #expect(version.description.hasPrefix("v\(version.major).\(version.minor)"))
            #expect(version.podDisruptionBudgetVersion == (version.minor < 21 ? "policy/v1beta1" : "policy/v1"))
        }

        @Test func anUnknownTokenIsRefused() async {
            let error = await failure(server.strangerKubeconfig)
            #expect(error?.serverReason == .unauthorized)
            #expect(error?.kind == .refused)
        }

        @Test func aMissingRightIsRefusedAndNamed() async {
            let error = await failure(server.powerlessKubeconfig)
            #expect(error?.serverReason == .forbidden)
            #expect(error?.kind == .refused)
            #expect(error?.cause.contains("cannot list resource \"pods\"") == true)
        }

        @Test func aServerThatIsDownIsUnreachable() async {
            let error = await failure(server.deadKubeconfig)
            guard case .serverUnreachable? = error?.code else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(error?.kind == .unreachable)
            #expect(error?.cause.contains("memcache.go") == false)
        }

        @Test func aMissingKubeconfigIsNamed() async {
            let error = await failure("/nonexistent/config")
            guard case .kubeconfig? = error?.code else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(error?.kind == .failed)
            #expect(error?.remedy.contains("/nonexistent/config") == true)
        }

        @Test func anUnreadableKubeconfigIsNamed() async throws {
            let path = server.folder.appending(path: "broken.conf")
            try Data("clusters: {{".utf8).write(to: path)
            guard case .kubeconfig? = await failure(path.path)?.code else {
                Issue.record("a broken kubeconfig was not recognised")
                return
            }
        }

        @Test func anUnknownKindIsNamed() async {
            let error = await #expect(throws: KubernetesError.self) {
                try await server.reader.list(["unicorns"], namespace: "default")
            }
            guard case .unknownKind? = error?.code else {
                Issue.record("\(String(describing: error))")
                return
            }
        }

        @Test func oneLookAtAnEmptyNamespaceFindsNothing() async throws {
            let verdicts = try await server.reader.verdicts(
                on: [.deployment("a"), .job("b")], namespace: "default")
            #expect(verdicts.map(\.problem?.code) == [.missing, .missing])
        }

        @Test func theLogOfNoPodIsNotFound() async {
            let error = await #expect(throws: KubernetesError.self) {
                try await server.reader.logs(pod: "none", namespace: "default")
            }
            #expect(error?.serverReason == .notFound)
        }
    }
}
