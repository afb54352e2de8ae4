import ClientKit
import StepKit
import Testing

@testable import Kubernetes

@Suite struct LostHostsTests {
    private func refusal(_ code: KubernetesError.Code, _ kind: FailureKind) -> KubernetesError {
        KubernetesError(
            code, attempt: "get the objects", host: "k8s-master-01", cause: "what kubectl said", remedy: "r", kind: kind
        )
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
