import ClientKit
import SSH
import Testing

@testable import Kubernetes

@Suite struct ReadinessTests {
    /// What kubectl 1.20 says of an API server whose etcd is stopped, shortened.
    private static let withoutEtcd =
        #"Error from server (InternalError): an error on the server ("[+]ping ok\n[+]log ok\n[-]etcd failed: reason withheld\n"#
        + #"[+]informer-sync ok\nreadyz check failed") has prevented the request from succeeding"#

    private func reader(_ exchanges: [ScriptedShell.Exchange]) -> ClusterReader {
        ClusterReader(shell: ScriptedShell(exchanges), kubeconfig: "/root/.kube/config", requestTimeout: .seconds(15))
    }

    private let ready = ["get", "--raw", "/readyz"]

    @Test func aServerWithoutEtcdIsNamedSo() async {
        let error = await #expect(throws: KubernetesError.self) {
            try await reader([.read(ready, err: Self.withoutEtcd, exit: 1)]).requireReady()
        }
        #expect(error?.cause == "it is running but not ready: etcd failed")
        #expect(error?.remedy.hasPrefix("restore a majority of the etcd members on the masters") == true)
        #expect(error?.kind == .unreachable)
    }

    @Test func aSurveyThatIsNotAnsweredAsksWhatTheServerLacks() async {
        let survey = ["get", ClusterSurvey.resources.joined(separator: ","), "-o", "json", "--show-managed-fields"]
        let timeout =
            "Unable to connect to the server: context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        let late = ScriptedShell.Exchange.read(survey + ["--namespace", "chatwoot"], err: timeout, exit: 1)
        let lacking = await #expect(throws: KubernetesError.self) {
            try await reader([late, .read(ready, err: Self.withoutEtcd, exit: 1)])
                .answering(from: ClusterSurvey()).makeSurvey(of: "chatwoot")
        }
        #expect(lacking?.cause == "it is running but not ready: etcd failed")
        // It is well after all: what it did not answer is what counts.
        let slow = await #expect(throws: KubernetesError.self) {
            try await reader([late, .read(ready, out: "ok")])
                .answering(from: ClusterSurvey()).makeSurvey(of: "chatwoot")
        }
        #expect(slow?.cause.contains("Client.Timeout") == true)
    }

    @Test func aQuestionThatIsNotAnsweredInTimeHasNoUnknownOutcome() async {
        let reader = ClusterReader(shell: SilentShell(), kubeconfig: "/root/.kube/config", requestTimeout: .seconds(15))
            .quick(.milliseconds(10))
        let error = await #expect(throws: KubernetesError.self) { try await reader.serverVersion() }
        #expect(error?.kind == .unreachable)
        #expect(error?.cause == "no answer within 1 s")
    }

    /// A shell whose commands never end in their time.
    private struct SilentShell: RemoteShell {
        let hostName = "k8s-master-01"

        func run(_ command: RemoteCommand) async throws(SSHError) -> CommandResult {
            do { try await Task.sleep(for: (command.timeout ?? .seconds(60)).duration) } catch {}
            throw ScriptedShell.failure("it did not end in time", kind: .unknownOutcome)
        }
    }
}
