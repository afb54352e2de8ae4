extension Snapshot {
    func jobVerdict(_ name: String) -> Verdict {
        guard let job = object("Job", named: name) else { return .failed(.missing("Job \(name)")) }
        let pods = pods(ownedBy: job)
        switch JobEnd(job) {
        case .succeeded: return .done("succeeded")
        case .failed(let reason), .failing(let reason):
            return .failed(jobFailure(name, reason, job.condition("Failed") ?? job.condition("FailureTarget"), pods))
        case nil: break
        }
        if job["spec", "suspend"]?.bool == true {
            return .failed(
                Trouble(
                    .paused, "Job \(name) is suspended: somebody told the cluster not to run it",
                    remedy: "set spec.suspend of the Job to false", patience: Trouble.confirmed, subject: "Job \(name)")
            )
        }
        return .waiting(progress(of: job, pods), jobTrouble(job, name, pods))
    }

    private func jobTrouble(_ job: JSONValue, _ name: String, _ pods: [Pod]) -> Trouble? {
        let present = pods.filter { !$0.isBeingDeleted && $0.phase != "Failed" && $0.phase != "Succeeded" }
        if present.isEmpty, let refusal = events(about: job.uid, reasons: "FailedCreate").last {
            return .podRefused("Job \(name)", refusal.message)
        }
        if pods.isEmpty, job["status", "startTime"] == nil, job["status", "active"] == nil {
            return .unattended("Job \(name)", "it")
        }
        guard let worst = present.compactMap({ trouble(of: $0) }).worst else { return nil }
        // How often a container may fail is the Job's own affair (backoffLimit): it says when that is used up.
        let isTheJobsAffair = [.crashLoop, .exited, .outOfMemory, .killedByProbe].contains(worst.code)
        return (isTheJobsAffair ? worst.lasting(nil) : worst).told(about: "Job \(name)")
    }

    private func jobFailure(_ name: String, _ reason: String, _ failure: Condition?, _ pods: [Pod]) -> Trouble {
        let trouble = reason == "DeadlineExceeded" ? timeout(name, pods) : ownFailure(name, reason, failure, pods)
        let left = pods.filter { !$0.hasEnded }.map(\.words)
        guard !left.isEmpty else { return trouble }
        var whole = trouble
        whole.sentence += "; still ending: \(left.joined(separator: ", "))"
        return whole
    }

    private func timeout(_ name: String, _ pods: [Pod]) -> Trouble {
        let state = pods.last.flatMap { trouble(of: $0) }.map { "; at last: \($0.sentence)" } ?? ""
        // A container that never ran has no log.
        let log = pods.last.flatMap { pod in
            pod.containers.last { $0.isRunning || $0.terminated != nil }
                .map { LogSource(pod: pod.name, container: $0.name, isPrevious: false) }
        }
        return Trouble(
            .jobTimedOut, "Job \(name) took longer than it may and was ended\(state)",
            remedy: "see what it was doing; where it only needs longer, raise its time limit in the inventory",
            pod: pods.last?.name, patience: .zero, log: log, subject: "Job \(name)")
    }

    private func ownFailure(_ name: String, _ reason: String, _ failure: Condition?, _ pods: [Pod]) -> Trouble {
        let ended = pods.last { pod in pod.containers.contains { ($0.terminated?.exitCode ?? 0) != 0 } }
        guard let pod = ended, let container = pod.containers.first(where: { ($0.terminated?.exitCode ?? 0) != 0 }),
            let end = container.terminated
        else {
            let why = pods.last.map { "\($0.words) \($0.reason) \($0.message)" } ?? failure?.message ?? ""
            return Trouble(
                .jobFailed, "Job \(name) failed (\(reason)): \(why)",
                remedy: "its pod is gone with its log: look for the cause where the Job does its work", patience: .zero,
                subject: "Job \(name)")
        }
        let why =
            switch end.reason {
            case "OOMKilled": "needed more memory than its limit"
            case "StartError", "ContainerCannotRun": "cannot be started: \(end.message.runtimeCause)"
            default: end.words
            }
        let attempts = pods.count > 1 ? " (\(pods.count) attempts)" : ""
        return Trouble(
            .jobFailed, "Job \(name) failed\(attempts): \(pod.words): container \(container.name) \(why)",
            remedy: end.reason == "OOMKilled"
                ? "raise the Job's memory limit in the inventory" : "mend what its log names, and run again",
            pod: pod.name, patience: .zero,
            log: LogSource(pod: pod.name, container: container.name, isPrevious: false), subject: "Job \(name)")
    }

    private func progress(of job: JSONValue, _ pods: [Pod]) -> String {
        let failed = job["status", "failed"]?.integer ?? 0
        let failures = failed > 0 ? ", \(failed) failed before" : ""
        guard let pod = pods.last else { return "no pod yet\(failures)" }
        return pod.phase == "Running" ? "\(pod.words) runs\(failures)" : activity(of: pod) + failures
    }
}
