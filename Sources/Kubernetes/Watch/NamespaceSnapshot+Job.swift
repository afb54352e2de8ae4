extension NamespaceSnapshot {
    func jobVerdict(_ name: String) -> Verdict {
        let subject = "Job \(name)"
        guard let job = object("Job", named: name) else { return .failed(.missing(subject)) }
        let pods = pods(ownedBy: job)
        switch JobOutcome(job) {
        case .succeeded: return .done("succeeded")
        case .failed(let reason), .failing(let reason):
            return .failed(failure(of: job, subject: subject, reason: reason, pods: pods))
        case nil: break
        }
        if job["spec", "suspend"]?.bool == true {
            return .failed(
                Problem(
                    .paused, summary: "\(subject) is suspended, so it does not run",
                    remedy: "set spec.suspend of the Job to false",
                    gracePeriod: GracePeriod.permanent, subject: subject))
        }
        return .waiting(
            progress(of: job, pods: pods), problem(of: job, subject: subject, pods: pods))
    }

    private func problem(of job: JSONValue, subject: String, pods: [Pod]) -> Problem? {
        let present = pods.filter {
            !$0.isBeingDeleted && !$0.hasEnded
        }
        // Only a refusal after the last pod was created shows why there is no pod now.
        if present.isEmpty, let event = events(about: job.uid, reasons: "FailedCreate").last,
            pods.allSatisfy({ $0.createdAt < event.time })
        {
            return .podsRejected(subject, message: event.message)
        }
        if pods.isEmpty, job["status", "startTime"] == nil, job["status", "active"] == nil {
            return .notReconciled(subject, pending: "it")
        }
        guard let worst = present.compactMap({ problem(of: $0) }).worst else { return nil }
        // How often a container may fail is up to the Job (backoffLimit), which reports when that
        // is used up.
        let isUpToTheJob = [.crashLoop, .exited, .outOfMemory, .killedByProbe].contains(worst.code)
        return (isUpToTheJob ? worst.withGracePeriod(nil) : worst).prefixed(with: subject)
    }

    private func failure(
        of job: JSONValue, subject: String, reason: String, pods: [Pod]
    ) -> Problem {
        let condition = job.condition("Failed") ?? job.condition("FailureTarget")
        var problem =
            reason == "DeadlineExceeded"
            ? timeout(subject: subject, pods: pods)
            : ownFailure(
                subject: subject, reason: reason, message: condition?.message ?? "", pods: pods)
        let left = pods.filter { !$0.hasEnded }.map(\.description)
        if !left.isEmpty {
            problem.summary += "; still terminating: \(left.joined(separator: ", "))"
        }
        return problem
    }

    private func timeout(subject: String, pods: [Pod]) -> Problem {
        let state =
            pods.last.flatMap { problem(of: $0) }.map { "; last state: \($0.summary)" } ?? ""
        // A container that never ran has no log.
        let log = pods.last.flatMap { pod in
            pod.containers.last { $0.isRunning || $0.terminated != nil }
                .map { LogSource(pod: pod.name, container: $0.name, isPrevious: false) }
        }
        return Problem(
            .jobTimedOut, summary: "\(subject) exceeded its time limit and was terminated\(state)",
            remedy: "check what it was doing; if it only needs more time, "
                + "raise its time limit in the inventory",
            pod: pods.last?.name, gracePeriod: .zero, log: log, subject: subject)
    }

    private func ownFailure(
        subject: String, reason: String, message: String, pods: [Pod]
    ) -> Problem {
        func hasFailed(_ container: ContainerStatus) -> Bool {
            (container.terminated?.exitCode ?? 0) != 0
        }
        guard let pod = pods.last(where: { $0.containers.contains(where: hasFailed) }),
            let container = pod.containers.first(where: hasFailed), let end = container.terminated
        else {
            let why = pods.last.map { "\($0) \($0.reason) \($0.message)" } ?? message
            return Problem(
                .jobFailed, summary: "\(subject) failed (\(reason)): \(why)",
                remedy: "look for the cause where the Job does its work: "
                    + "its pod is gone, and its log with it",
                gracePeriod: .zero, subject: subject)
        }
        let why =
            switch end.reason {
            case "OOMKilled": "exceeded its memory limit"
            case "StartError", "ContainerCannotRun":
                "cannot be started: \(end.message.runtimeCause)"
            default: end.summary
            }
        let attempts = pods.count > 1 ? " (\(pods.count) attempts)" : ""
        return Problem(
            .jobFailed,
            summary: "\(subject) failed\(attempts): \(pod): container \(container.name) \(why)",
            remedy: end.reason == "OOMKilled"
                ? "raise the Job's memory limit in the inventory"
                : "fix what its log reports, then run again",
            pod: pod.name, gracePeriod: .zero,
            log: LogSource(pod: pod.name, container: container.name, isPrevious: false),
            subject: subject)
    }

    private func progress(of job: JSONValue, pods: [Pod]) -> String {
        let failed = job["status", "failed"]?.integer ?? 0
        let failures = failed > 0 ? ", \(failed) failed before" : ""
        guard let pod = pods.last else { return "no pod yet\(failures)" }
        return pod.phase == "Running"
            ? "\(pod) is running\(failures)" : activity(of: pod) + failures
    }
}
