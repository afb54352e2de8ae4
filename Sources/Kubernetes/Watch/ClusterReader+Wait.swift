import ClientKit

/// How a wait goes on, after each look.
public struct WaitProgress: Sendable {
    /// What is waited for: `Deployment chatwoot-web`, comma-separated where there are several.
    public let waitingFor: String
    /// What was seen last.
    public let lastSeen: String
    /// What holds it up, where something does.
    public let trouble: Trouble?
    /// Since the wait began.
    public let elapsed: Duration
    /// Until it is given up.
    public let left: Duration
}

/// How long to wait, how often to look, and whom to tell.
public struct WaitOptions: Sendable {
    /// When to give up.
    public var limit: Duration
    /// How long to pause between two looks.
    public var interval: Duration
    /// The clock that both are measured by.
    public var clock: any Clock<Duration>
    /// What the image's registry accepted before, where that is known: a pod that it refuses is then waited for.
    public var accepted: AcceptedPull?
    /// Called after each look that did not end the wait.
    public var progress: @Sendable (WaitProgress) -> Void

    /// Describes a wait; see the properties.
    public init(
        limit: Duration, interval: Duration = .seconds(1), clock: any Clock<Duration> = ContinuousClock(),
        accepted: AcceptedPull? = nil, progress: @escaping @Sendable (WaitProgress) -> Void = { _ in }
    ) {
        self.limit = limit
        self.interval = interval
        self.clock = clock
        self.accepted = accepted
        self.progress = progress
    }
}

extension ClusterReader {
    /// Looks once how workloads of a namespace stand, in their order, with one command.
    public func verdicts(
        on workloads: [Workload], namespace: String
    ) async throws(KubernetesError) -> [Verdict] {
        let snapshot = Snapshot(try await list(Snapshot.resources, namespace: namespace))
        return workloads.map { snapshot.verdict(on: $0) }
    }

    /// Waits until all workloads are up or ended well.
    ///
    /// Ends early where success has become impossible, with a ``KubernetesError`` of code ``KubernetesError/Code/trouble(_:)``
    /// whose cause names everything from the workload down to the container and its log. At the limit the code is
    /// ``KubernetesError/Code/deadline(_:)``. A cancelled task ends it with `CancellationError`, the one error that is no
    /// ``KubernetesError``.
    public func wait(for workloads: [Workload], namespace: String, _ options: WaitOptions) async throws {
        try await wait(for: workloads, namespace: namespace, options, clock: options.clock)
    }

    private func wait<C: Clock>(
        for workloads: [Workload], namespace: String, _ options: WaitOptions, clock: C
    ) async throws where C.Duration == Duration {
        let start = clock.now
        let names = workloads.map(\.description).joined(separator: ", ")
        let attempt = "wait for \(names) in \(namespace)"
        var firstSeen: [Sighting: C.Instant] = [:]
        var firstDoubted: [Sighting: C.Instant] = [:]
        while true {
            let verdicts = try await verdicts(on: workloads, namespace: namespace)
            let now = clock.now
            var troubles = zip(workloads, verdicts).compactMap { workload, verdict in
                verdict.trouble.map { (Sighting(workload: workload, code: $0.code), $0) }
            }
            firstSeen = Dictionary(troubles.map { ($0.0, firstSeen[$0.0] ?? now) }) { first, _ in first }
            for (index, (sighting, trouble)) in troubles.enumerated() {
                guard let patience = trouble.patience, let first = firstSeen[sighting],
                    first.duration(to: now) >= patience
                else { continue }
                // What contradicts the cause came to be known only now: the kubelet gets a whole back-off from here.
                let whole = try await explained(trouble, namespace: namespace, accepted: options.accepted)
                firstDoubted[sighting] = whole.doubt == nil ? nil : firstDoubted[sighting] ?? now
                guard let doubted = firstDoubted[sighting], doubted.duration(to: now) < trouble.backOff else {
                    throw ended(whole, attempt) { .trouble($0) }
                }
                troubles[index].1 = whole
            }
            if verdicts.allSatisfy(\.isDone) { return }

            let elapsed = start.duration(to: now)
            let worst = troubles.map(\.1).worst
            let lastSeen = zip(workloads, verdicts).map { "\($0): \($1.words)" }.joined(separator: "; ")
            guard elapsed < options.limit else {
                guard let worst else {
                    throw KubernetesError(
                        .deadline(nil), attempt: attempt, host: hostName,
                        cause: "not finished within \(options.limit.words); last seen: \(lastSeen)",
                        remedy: "raise the time limit in the inventory if it only needs longer, and run again")
                }
                let whole =
                    worst.doubt == nil
                    ? try await explained(worst, namespace: namespace, accepted: options.accepted) : worst
                throw ended(whole, attempt, after: options.limit) { .deadline($0) }
            }
            options.progress(
                WaitProgress(
                    waitingFor: names, lastSeen: lastSeen, trouble: worst, elapsed: elapsed,
                    left: options.limit - elapsed))
            try await clock.sleep(for: min(options.interval, options.limit - elapsed))
        }
    }

    /// The trouble with the end of its log, the state of its pull Secrets, and what speaks against it, which a look alone does
    /// not read.
    ///
    /// `accepted` is what the image's registry accepted before, where that is known.
    public func explained(
        _ trouble: Trouble, namespace: String, accepted: AcceptedPull? = nil
    ) async throws(KubernetesError) -> Trouble {
        if let doubt = try await doubt(about: trouble, namespace: namespace, accepted: accepted) {
            return trouble.doubted(doubt)
        }
        if trouble.code == .notScheduled || trouble.code == .notControlled {
            return try await namingControlPlane(trouble)
        }
        var trouble = try await inspectingPullSecrets(trouble, namespace: namespace)
        guard let log = trouble.log else { return trouble }
        do {
            let text = try await logs(
                pod: log.pod, container: log.container, namespace: namespace, lines: 400, previous: log.isPrevious)
            trouble = trouble.addingLog(text)
        } catch {
            // The log may be gone with its container. The trouble is the news; a missing log is added to it.
            trouble.sentence += "; its log cannot be read (\(error.cause))"
        }
        return trouble
    }

    /// The error that ends a wait, by a trouble that was explained.
    private func ended(
        _ trouble: Trouble, _ attempt: String, after limit: Duration? = nil, code: (Trouble) -> KubernetesError.Code
    ) -> KubernetesError {
        let late = limit.map { "not finished within \($0.words): " } ?? ""
        return KubernetesError(
            code(trouble), attempt: attempt, host: hostName, cause: late + trouble.sentence, remedy: trouble.remedy)
    }
}

/// A trouble of one workload, for telling how long it lasts: a pod that is replaced meanwhile does not make it new.
private struct Sighting: Hashable {
    let workload: Workload
    let code: Trouble.Code
}

extension Verdict {
    var isDone: Bool {
        if case .done = self { true } else { false }
    }

    /// What is wrong, if anything.
    public var trouble: Trouble? {
        switch self {
        case .done: nil
        case .waiting(_, let trouble): trouble
        case .failed(let trouble): trouble
        }
    }

    /// What was seen, without the trouble.
    public var words: String {
        switch self {
        case .done(let words), .waiting(let words, _): words
        case .failed: "failed"
        }
    }
}

extension Duration {
    /// `300 s`.
    var words: String { "\(components.seconds) s" }
}
