import Foundation

extension NamespaceSnapshot {
    /// What keeps a pod from being ready, the root cause first; `nil` where it is ready or still
    /// starting.
    func problem(of pod: Pod) -> Problem? {
        if !pod.hasEnded, let problem = nodeProblem(of: pod) { return problem }
        if let eviction = eviction(of: pod) { return eviction }
        if let scheduled = pod.scheduled, scheduled.status == "False", pod.node == nil {
            return scheduled.reason == "SchedulingGated"
                ? gated(pod) : unschedulable(pod, message: scheduled.message)
        }
        if pod.scheduled == nil, pod.node == nil, pod.phase == "Pending" {
            return Problem(
                .notScheduled,
                summary: "\(pod) is waiting for a node, but the scheduler has not processed it",
                remedy: "check that kube-scheduler is running on the masters, and check its log",
                pod: pod.name, gracePeriod: GracePeriod.controlPlane)
        }
        for container in pod.containers {
            if let problem = problem(of: container, in: pod) { return problem }
        }
        return creationProblem(of: pod)
    }

    /// How the node terminated a pod, where it did.
    func eviction(of pod: Pod) -> Problem? {
        guard pod.phase == "Failed", !pod.reason.isEmpty else { return nil }
        let how =
            pod.reason == "Evicted"
            ? "was evicted by its node" : "was terminated by its node (\(pod.reason))"
        return Problem(
            .evicted, summary: "\(pod) \(how): \(pod.message)",
            remedy: "free what the node is short of; the pod is replaced automatically",
            pod: pod.name)
    }

    /// What a pod without a problem is doing, as the end of a sentence.
    func activity(of pod: Pod) -> String {
        guard pod.node != nil else { return "\(pod) is waiting for a node" }
        let busy = pod.containers.first { !$0.isReady && ($0.terminated?.exitCode ?? 1) != 0 }
        guard let container = busy else { return "\(pod) is \(pod.phase)" }
        if container.isRunning { return "\(pod) is running but not ready yet" }
        if events(about: pod.uid).last?.reason == "Pulling" {
            return "\(pod) is pulling \(container.image)"
        }
        return "\(pod) is \(container.waiting?.reason ?? pod.phase)"
    }

    private func problem(of container: ContainerStatus, in pod: Pod) -> Problem? {
        if let waiting = container.waiting {
            return problem(of: container, in: pod, waiting: waiting)
        }
        if let end = container.terminated, end.exitCode != 0 {
            return crash(of: container, in: pod, isLooping: false)
        }
        guard container.isRunning, !container.isReady else { return nil }
        return notReady(container, in: pod)
    }

    private func problem(
        of container: ContainerStatus, in pod: Pod, waiting: ContainerStatus.Waiting
    ) -> Problem? {
        switch waiting.reason {
        case "ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError":
            return .pull(
                of: container, in: pod,
                text: pullText(of: container, in: pod, waiting: waiting.message),
                isSecretUnread: isSecretUnread(for: pod))
        case "InvalidImageName":
            return Problem(
                .invalidImageName,
                summary: "\(pod): \(container.image) is not a valid image name",
                remedy: "correct the image in the inventory", pod: pod.name,
                gracePeriod: GracePeriod.permanent)
        case "ErrImageNeverPull":
            return Problem(
                .imageNotFound,
                summary:
                    "\(pod): \(container.image) is not on the node, and its pull policy is Never",
                remedy: "set imagePullPolicy to IfNotPresent", pod: pod.name,
                gracePeriod: GracePeriod.permanent)
        case "CreateContainerConfigError":
            return Problem(
                .missingConfiguration,
                summary: "\(pod) cannot create container \(container.name): \(waiting.message)",
                remedy: "create what is missing, under the name that the pod expects",
                pod: pod.name,
                gracePeriod: isCacheDelay(waiting.message) ? nil : GracePeriod.permanent,
                missing: MissingObject(waiting.message))
        case "CreateContainerError", "RunContainerError", "PreCreateHookError",
            "PostStartHookError":
            let cause = waiting.message.runtimeCause
            return Problem(
                .cannotStart,
                summary: "\(pod): container \(container.name) cannot be started: \(cause)",
                remedy: "correct the container's command or image", pod: pod.name,
                gracePeriod: GracePeriod.permanent)
        case "CrashLoopBackOff":
            return crash(of: container, in: pod, isLooping: true)
        case "", "ContainerCreating", "PodInitializing":
            return nil
        default:
            // What this version does not know may be an error, or a state that passes.
            return Problem(
                .cannotStart,
                summary: "\(pod): container \(container.name) is waiting with "
                    + "\(waiting.reason)\(waiting.message.isEmpty ? "" : ": \(waiting.message)")",
                remedy: "fix what this message reports; the kubelet retries automatically",
                pod: pod.name, gracePeriod: GracePeriod.external)
        }
    }

    /// A container that ended: killed by the kubelet or the kernel, never started, or exited.
    private func crash(
        of container: ContainerStatus, in pod: Pod, isLooping: Bool
    ) -> Problem {
        let end = container.terminated ?? container.lastTerminated
        let gracePeriod = isLooping ? GracePeriod.permanent : nil
        let log = LogSource(
            pod: pod.name, container: container.name, isPrevious: container.terminated == nil)
        let count = container.restarts > 0 ? ", \(container.restarts + 1) times so far" : ""
        let place = "\(pod): container \(container.name)"

        if end?.reason == "OOMKilled" {
            return Problem(
                .outOfMemory, summary: "\(place) exceeded its memory limit and was killed\(count)",
                remedy: "raise the memory limit in the inventory", pod: pod.name,
                gracePeriod: gracePeriod, log: log)
        }
        if let end, ["StartError", "ContainerCannotRun"].contains(end.reason) {
            return Problem(
                .cannotStart, summary: "\(place) cannot be started: \(end.message.runtimeCause)",
                remedy: "correct the container's command or image", pod: pod.name,
                gracePeriod: gracePeriod)
        }
        // Only an event shows that the kubelet killed the container because of a probe.
        let kills = events(about: pod.uid, reasons: "Killing")
        if let killing = kills.last(where: { $0.message.contains("probe") }) {
            let probe = events(about: pod.uid, reasons: "Unhealthy").last?.message
            return Problem(
                .killedByProbe,
                summary: "\(place) was killed and restarted\(count): \(probe ?? killing.message)",
                remedy: "check its log; if it is only slow, give its probe more time",
                pod: pod.name, gracePeriod: gracePeriod, log: log)
        }
        // Events are dropped under load; then the signal is the only trace of a failed probe.
        let isSignal = end.map { $0.exitCode == 137 || $0.exitCode == 143 } ?? false
        let guess = isSignal ? ", possibly because a probe failed" : ""
        return Problem(
            isLooping ? .crashLoop : .exited,
            summary: "\(place) \(end?.summary ?? "exited")\(count)\(guess)",
            remedy: "fix what its log reports; the container restarts automatically",
            pod: pod.name, gracePeriod: gracePeriod, log: log)
    }

    private func notReady(_ container: ContainerStatus, in pod: Pod) -> Problem? {
        let place = "\(pod): container \(container.name)"
        guard let failure = events(about: pod.uid, reasons: "Unhealthy").last else {
            guard let end = container.lastTerminated, end.exitCode != 0 else { return nil }
            return Problem(
                .exited, summary: "\(place) \(end.summary) and was restarted",
                remedy: "fix what its log reports", pod: pod.name,
                log: LogSource(pod: pod.name, container: container.name, isPrevious: true))
        }
        return Problem(
            .notReady, summary: "\(place) is running but not ready: \(failure.message)",
            remedy: "check its log for what it is waiting for", pod: pod.name,
            log: LogSource(pod: pod.name, container: container.name, isPrevious: false))
    }

    /// Problems between scheduling and the start of the first container, which only events report.
    private func creationProblem(of pod: Pod) -> Problem? {
        guard pod.containers.allSatisfy({ $0.waiting != nil }),
            let event = events(
                about: pod.uid, reasons: "FailedMount", "FailedCreatePodSandBox"
            ).last
        else { return nil }
        // Images are pulled once volumes and network are set up: a later pull means that the
        // problem has passed.
        let pull = events(about: pod.uid, reasons: "Pulling", "Pulled").last
        guard pull.map({ $0.time < event.time }) ?? true else { return nil }
        if event.reason == "FailedMount" {
            return Problem(
                .volumeFailed, summary: "\(pod) cannot mount a volume: \(event.message)",
                remedy: "create what the volume refers to, under the name that the pod expects",
                pod: pod.name,
                gracePeriod: isCacheDelay(event.message) ? nil : GracePeriod.shortage,
                missing: MissingObject(event.message))
        }
        let node = pod.node ?? "the node"
        return Problem(
            .sandboxFailed, summary: "\(pod): its network cannot be set up: \(event.message)",
            remedy: "check that the network plugin (Calico) is healthy on \(node)",
            pod: pod.name, gracePeriod: GracePeriod.external)
    }

    /// Whether the kubelet's cache merely does not know yet an object that may well exist; there is
    /// no code for that.
    private func isCacheDelay(_ message: String) -> Bool {
        ["failed to sync", "\" not registered"].contains(where: message.contains)
    }
}

extension String {
    /// The message of runc, without what containerd and the shim add around it.
    var runtimeCause: String {
        guard let range = firstRange(of: "unable to start container process: ") else { return self }
        let cause = self[range.upperBound...]
        return String(cause.hasSuffix(": unknown") ? cause.dropLast(": unknown".count) : cause)
    }
}
