import ClientKit
import StepKit

/// No master can be used.
struct NoMasterLeft: ExplainedError {
    /// What is wrong with some of the masters, reported once for all of them.
    struct Reason {
        let hosts: [String]
        let cause: String
        let remedy: String

        /// `k8s-master-01, k8s-master-02: it is running but not ready: etcd failed`.
        var summary: String { (hosts.isEmpty ? "" : "\(hosts.joined(separator: ", ")): ") + cause }
    }

    let reasons: [Reason]
    /// How long they were asked again.
    private let waited: TimeLimit?

    init(failures: [any ExplainedError], waited: TimeLimit? = nil) {
        self.waited = waited
        var reasons: [Reason] = []
        for failure in failures.withoutRepetitions {
            let hosts = failure.host.map { [$0] } ?? []
            if let same = reasons.firstIndex(where: { $0.cause == failure.cause && $0.remedy == failure.remedy }) {
                reasons[same] = Reason(
                    hosts: reasons[same].hosts + hosts, cause: failure.cause, remedy: failure.remedy)
            } else {
                reasons.append(Reason(hosts: hosts, cause: failure.cause, remedy: failure.remedy))
            }
        }
        self.reasons = reasons
    }

    var attempt: String { "connect to a Kubernetes master that is ready" }
    var host: String? { nil }
    var cause: String {
        let words = reasons.map(\.summary)
        let wait = waited.map { ", also after \($0.inWords)" } ?? ""
        if words.isEmpty { return "no master is connected\(wait)" }
        return words.count == 1
            ? words[0] + wait : "none is ready\(wait):\n  " + words.joined(separator: "\n  ")
    }
    var remedy: String {
        let own = reasons.count == 1 ? reasons[0].remedy : "start a master, or fix the connection to it"
        return own + "; then repeat the command, or use `runner resume` if it had started a run"
    }
    var kind: FailureKind { .noMaster }

    /// One line for each reason.
    var diagnoses: [Diagnosis] {
        reasons.map { .failed("Kubernetes masters", $0.summary.onOneLine, remedy: $0.remedy.onOneLine) }
    }
}
