import ClientKit
import StepKit
import Testing

@testable import RunnerCommands

@Suite struct NoMasterLeftTests {
    private func failure(_ host: String, _ cause: String, remedy: String = "start etcd") -> StepFailure {
        StepFailure("ask the API server", host: host, cause: cause, remedy: remedy, kind: .unreachable)
    }

    @Test func whatAllMastersLackIsSaidOnce() {
        let none = NoMasterLeft(failures: ["m1", "m2", "m3"].map { failure($0, "etcd failed") })
        #expect(none.kind == .noMaster)
        #expect(none.cause == "m1, m2, m3: etcd failed")
        #expect(
            none.remedy
                == "start etcd; then repeat the command, or use `runner resume` if it had started a run")
        #expect(none.diagnoses == [.failed("Kubernetes masters", "m1, m2, m3: etcd failed", remedy: "start etcd")])
    }

    @Test func differentReasonsAreALineEach() {
        let none = NoMasterLeft(failures: [
            failure("m1", "connection refused", remedy: "start sshd"), failure("m2", "etcd failed"),
            failure("m1", "connection refused", remedy: "start sshd"),
        ])
        #expect(none.cause == "none is ready:\n  m1: connection refused\n  m2: etcd failed")
        #expect(none.diagnoses.map(\.found) == ["m1: connection refused", "m2: etcd failed"])
        #expect(NoMasterLeft(failures: []).cause == "no master is connected")
    }
}
