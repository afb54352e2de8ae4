import ClientKit

extension ClusterReader {
    /// The verdicts on workloads of a namespace, in their order, with one command.
    public func verdicts(
        on workloads: [Workload], namespace: String
    ) async throws(KubernetesError) -> [Verdict] {
        let snapshot = NamespaceSnapshot(
            try await list(NamespaceSnapshot.resources, namespace: namespace))
        return workloads.map { snapshot.verdict(on: $0) }
    }

    /// Waits until all workloads are up or have completed.
    ///
    /// Ends early where success has become impossible, with a ``KubernetesError`` of code
    /// ``KubernetesError/Code/problem(_:)`` whose cause names everything from the workload down to
    /// the container and its log. At the limit the code is ``KubernetesError/Code/deadline(_:)``.
    /// Throws `CancellationError` where the task is cancelled.
    public func wait(
        for workloads: [Workload], namespace: String, _ options: WaitOptions
    ) async throws {
        try await wait(for: workloads, namespace: namespace, options, clock: options.clock)
    }

    private func wait<C: Clock>(
        for workloads: [Workload], namespace: String, _ options: WaitOptions, clock: C
    ) async throws where C.Duration == Duration {
        let start = clock.now
        let names = workloads.map(\.description).joined(separator: ", ")
        let attempt = "wait for \(names) in \(namespace)"
        var firstSeen: [Sighting: C.Instant] = [:]
        var firstRetryable: [Sighting: C.Instant] = [:]
        while true {
            let verdicts = try await verdicts(on: workloads, namespace: namespace)
            let now = clock.now
            var problems = zip(workloads, verdicts).compactMap { workload, verdict in
                verdict.problem.map { (Sighting(workload: workload, code: $0.code), $0) }
            }
            firstSeen = Dictionary(problems.map { ($0.0, firstSeen[$0.0] ?? now) }) { first, _ in
                first
            }
            for (index, (sighting, problem)) in problems.enumerated() {
                guard let gracePeriod = problem.gracePeriod, let first = firstSeen[sighting],
                    first.duration(to: now) >= gracePeriod
                else { continue }
                // Where the cause was removed in the meantime, the kubelet gets a whole back-off
                // from now.
                let explained = try await explained(
                    problem, namespace: namespace, accepted: options.accepted)
                firstRetryable[sighting] =
                    explained.pendingRetry == nil ? nil : firstRetryable[sighting] ?? now
                guard let retryable = firstRetryable[sighting],
                    retryable.duration(to: now) < problem.backOff
                else { throw error(for: attempt, problem: explained) { .problem($0) } }
                problems[index].1 = explained
            }
            if verdicts.allSatisfy(\.isDone) { return }

            let elapsed = start.duration(to: now)
            let worst = problems.map(\.1).worst
            let lastSeen = zip(workloads, verdicts).map { "\($0): \($1.summary)" }
                .joined(separator: "; ")
            guard elapsed < options.limit.duration else {
                guard let worst else {
                    // What stopped in the middle shows no problem of its own.
                    let stale = try await controlPlane().stale.first
                    throw KubernetesError(
                        .deadline(nil), attempt: attempt, host: hostName,
                        cause: "not finished within \(options.limit.inWords); "
                            + "last seen: \(lastSeen)" + (stale.map { "; \($0.summary)" } ?? ""),
                        remedy: stale?.remedy
                            ?? "\(options.limit.remedy ?? "allow it more time") if it only needs more time, "
                            + "then run again")
                }
                let explained =
                    worst.pendingRetry == nil
                    ? try await explained(
                        worst, namespace: namespace, accepted: options.accepted) : worst
                throw error(for: attempt, problem: explained, after: options.limit) {
                    .deadline($0)
                }
            }
            options.progress(
                WaitProgress(
                    waitingFor: names, lastSeen: lastSeen, problem: worst, elapsed: elapsed,
                    left: options.limit.duration - elapsed))
            try await clock.sleep(for: min(options.interval, options.limit.duration - elapsed))
        }
    }

    /// The problem with what takes further requests to find out: the end of its log, the state of
    /// its pull Secrets, and whether the kubelet's next attempt may succeed.
    ///
    /// `accepted` is what the image's registry accepted before, where that is known.
    public func explained(
        _ problem: Problem, namespace: String, accepted: AcceptedPull? = nil
    ) async throws(KubernetesError) -> Problem {
        let reason = try await pendingRetry(
            of: problem, namespace: namespace, accepted: accepted)
        if let reason { return problem.withPendingRetry(reason) }
        if problem.code == .notScheduled || problem.code == .notControlled {
            return try await namingControlPlane(of: problem)
        }
        var problem = try await inspectingPullSecrets(of: problem, namespace: namespace)
        guard let log = problem.log else { return problem }
        do {
            let text = try await logs(
                pod: log.pod, container: log.container, namespace: namespace, lines: 400,
                previous: log.isPrevious)
            problem = problem.addingLog(text)
        } catch {
            // The log may be gone with its container, which does not make the problem less certain.
            problem.summary += "; its log cannot be read (\(error.cause))"
        }
        return problem
    }

    /// The error that ends a wait because of a problem.
    private func error(
        for attempt: String, problem: Problem, after limit: TimeLimit? = nil,
        code: (Problem) -> KubernetesError.Code
    ) -> KubernetesError {
        let late = limit.map { "not finished within \($0.inWords): " } ?? ""
        return KubernetesError(
            code(problem), attempt: attempt, host: hostName, cause: late + problem.summary,
            remedy: problem.remedy)
    }
}

/// Identifies a problem over several checks: it stays the same when its pod is replaced.
private struct Sighting: Hashable {
    let workload: Workload
    let code: Problem.Code
}
