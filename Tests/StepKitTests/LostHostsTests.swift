import ClientKit
import SSH
import StepKit
import Testing

@testable import Kubernetes

@Suite struct LostHostsTests {
    private func refusal(_ code: KubernetesError.Code, _ kind: FailureKind) -> KubernetesError {
        KubernetesError(
            code, attempt: "get the objects", host: "k8s-master-01", cause: "what kubectl said", remedy: "r", kind: kind
        )
    }

    /// What became of the command is another question.
    @Test(arguments: [true, false]) func aHostThatIsLostWhileItWorksIsLost(_ isLost: Bool) {
        let error = SSHError(
            phase: .command, hostName: "k8s-master-01", endpoint: "10.0.0.100:22", attempt: "run it", cause: "c",
            remedy: "r", kind: .unknownOutcome, hostIsLost: isLost)
        let seen: [any ExplainedError] = [
            error, refusal(.shell(error), error.kind),
            CombinedFailure("ask all", [refusal(.server(.forbidden), .refused), error]),
        ]
        for one in seen { #expect(Array(one.lostHosts.hosts.keys) == (isLost ? ["k8s-master-01"] : [])) }
    }

    @Test func aServerThatSaysItCanDoNothingNowIsLeftForTheNextMasters() {
        let silent = refusal(.serverUnreachable, .unreachable)
        let withoutEtcd = refusal(.server(.init(rawValue: "")), .unreachable)
        let starting = refusal(.server(.serviceUnavailable), .unreachable)
        for error in [silent, withoutEtcd, starting] {
            #expect(Array(error.lostHosts.apiServers.keys) == ["k8s-master-01"])
            #expect(error.lostHosts.hosts.isEmpty)
        }
    }

    @Test func whatAnyServerWouldRefuseIsNoReasonToLeaveThisOne() {
        let forbidden = refusal(.server(.forbidden), .refused)
        let conflict = refusal(.server(.conflict), .failed)
        let noProgram = refusal(.kubectlMissing, .failed)
        for error in [forbidden, conflict, noProgram] {
            #expect(error.lostHosts.apiServers.isEmpty && error.lostHosts.hosts.isEmpty)
        }
    }
}
