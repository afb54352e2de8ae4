import Foundation

extension Snapshot {
    /// What keeps one pod from being ready, the deepest cause first; `nil` where it is ready or simply not yet there.
    func trouble(of pod: Pod) -> Trouble? {
        if !pod.hasEnded, let trouble = nodeTrouble(of: pod) { return trouble }
        if let eviction = eviction(of: pod) { return eviction }
        if let scheduled = pod.scheduled, scheduled.status == "False", pod.node == nil {
            return unschedulable(pod, scheduled.message)
        }
        if pod.scheduled == nil, pod.node == nil, pod.phase == "Pending" {
            return Trouble(
                .notScheduled, "\(pod.words) waits for a node, and the scheduler has not looked at it",
                remedy: "see whether kube-scheduler runs on the masters, and its log", pod: pod.name,
                patience: Trouble.unattended)
        }
        for container in pod.containers {
            if let trouble = trouble(of: container, in: pod) { return trouble }
        }
        return creationTrouble(of: pod)
    }

    /// How a pod was ended by its node, where it was.
    func eviction(of pod: Pod) -> Trouble? {
        guard pod.phase == "Failed", !pod.reason.isEmpty else { return nil }
        return Trouble(
            .evicted, "\(pod.words) was ended by its node: \(pod.reason): \(pod.message)",
            remedy: "free what the node is short of; the pod is replaced by itself", pod: pod.name)
    }

    /// What a pod without trouble is doing on its way, as an end of a sentence.
    func activity(of pod: Pod) -> String {
        guard pod.node != nil else { return "\(pod.words) waits for a node" }
        guard let container = pod.containers.first(where: { !$0.isReady && ($0.terminated?.exitCode ?? 1) != 0 }) else {
            return "\(pod.words) is \(pod.phase)"
        }
        if container.isRunning { return "\(pod.words) runs and is not ready yet" }
        if events(about: pod.uid).last?.reason == "Pulling" { return "\(pod.words) pulls \(container.image)" }
        return "\(pod.words) is \(container.waiting?.reason ?? pod.phase)"
    }

    private func trouble(of container: ContainerStatus, in pod: Pod) -> Trouble? {
        if let waiting = container.waiting {
            switch waiting.reason {
            case "ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError":
                return .pull(
                    pod, container, text: pullText(pod, container, waiting.message),
                    isSecretUnread: isSecretUnread(for: pod))
            case "InvalidImageName":
                return Trouble(
                    .invalidImageName, "\(pod.words): \(container.image) is no name of an image",
                    remedy: "correct the image in the inventory", pod: pod.name, patience: Trouble.confirmed)
            case "ErrImageNeverPull":
                return Trouble(
                    .imageNotFound, "\(pod.words): \(container.image) is not on the node and may not be pulled",
                    remedy: "set imagePullPolicy to IfNotPresent", pod: pod.name, patience: Trouble.confirmed)
            case "CreateContainerConfigError":
                return Trouble(
                    .missingConfiguration, "\(pod.words) cannot be configured: \(waiting.message)",
                    remedy: "create what is missing, under the name that the pod asks for", pod: pod.name,
                    patience: isLate(waiting.message) ? nil : Trouble.confirmed,
                    missing: MissingObject(waiting.message))
            case "CreateContainerError", "RunContainerError", "PreCreateHookError", "PostStartHookError":
                return Trouble(
                    .cannotStart,
                    "\(pod.words): container \(container.name) cannot be started: \(waiting.message.runtimeCause)",
                    remedy: "correct the container's command or image", pod: pod.name, patience: Trouble.confirmed)
            case "CrashLoopBackOff":
                return crash(of: container, in: pod, isLooping: true)
            default:
                return nil
            }
        }
        if let end = container.terminated, end.exitCode != 0 {
            return crash(of: container, in: pod, isLooping: false)
        }
        guard container.isRunning, !container.isReady else { return nil }
        return notReady(container, in: pod)
    }

    /// A container that ended: killed by the kubelet, by the kernel, never started, or ended by itself.
    private func crash(of container: ContainerStatus, in pod: Pod, isLooping: Bool) -> Trouble {
        let end = container.terminated ?? container.lastTerminated
        let patience = isLooping ? Trouble.confirmed : nil
        let log = LogSource(pod: pod.name, container: container.name, isPrevious: container.terminated == nil)
        let often = container.restarts > 0 ? ", \(container.restarts + 1) times so far" : ""
        let place = "\(pod.words): container \(container.name)"

        if end?.reason == "OOMKilled" {
            return Trouble(
                .outOfMemory, "\(place) needed more memory than its limit and was ended\(often)",
                remedy: "raise the memory limit in the inventory", pod: pod.name, patience: patience, log: log)
        }
        if let end, ["StartError", "ContainerCannotRun"].contains(end.reason) {
            return Trouble(
                .cannotStart, "\(place) cannot be started: \(end.message.runtimeCause)",
                remedy: "correct the container's command or image", pod: pod.name, patience: patience)
        }
        // The kubelet says only in an event that it was a probe that made it end the container.
        if let killing = events(about: pod.uid, reasons: "Killing").last(where: { $0.message.contains("probe") }) {
            let probe = events(about: pod.uid, reasons: "Unhealthy").last?.message ?? killing.message
            return Trouble(
                .killedByProbe, "\(place) was ended and started anew\(often), since it does not answer: \(probe)",
                remedy: "see in its log what it was doing; where it is only slow, give its probe more time",
                pod: pod.name, patience: patience, log: log)
        }
        // Events are dropped under load; a signal then is all that is left of a failed probe.
        let isSignal = end.map { $0.exitCode == 137 || $0.exitCode == 143 } ?? false
        let guess = isSignal ? ", as the kubelet does when a probe fails" : ""
        return Trouble(
            isLooping ? .crashLoop : .exited, "\(place) \(end?.words ?? "ended")\(guess)\(often)",
            remedy: "mend what its log names; the container starts anew by itself", pod: pod.name, patience: patience,
            log: log)
    }

    private func notReady(_ container: ContainerStatus, in pod: Pod) -> Trouble? {
        guard let failure = events(about: pod.uid, reasons: "Unhealthy").last else {
            guard let end = container.lastTerminated, end.exitCode != 0 else { return nil }
            return Trouble(
                .exited, "\(pod.words): container \(container.name) \(end.words) and was started anew",
                remedy: "mend what its log names", pod: pod.name,
                log: LogSource(pod: pod.name, container: container.name, isPrevious: true))
        }
        return Trouble(
            .notReady, "\(pod.words): container \(container.name) runs and is not ready: \(failure.message)",
            remedy: "see in its log what it waits for", pod: pod.name,
            log: LogSource(pod: pod.name, container: container.name, isPrevious: false))
    }

    /// Troubles between scheduling and the first container, which only events tell.
    private func creationTrouble(of pod: Pod) -> Trouble? {
        guard pod.containers.allSatisfy({ $0.waiting != nil }),
            let event = events(about: pod.uid, reasons: "FailedMount", "FailedCreatePodSandBox").last
        else { return nil }
        // Images are pulled after volumes and network are there: a pull since then says that the failure is over.
        let pull = events(about: pod.uid, reasons: "Pulling", "Pulled").last
        guard pull.map({ $0.time < event.time }) ?? true else { return nil }
        if event.reason == "FailedMount" {
            return Trouble(
                .volumeFailed, "\(pod.words) cannot mount a volume: \(event.message)",
                remedy: "create what the volume is made from, under the name that the pod asks for", pod: pod.name,
                patience: isLate(event.message) ? nil : Trouble.settled, missing: MissingObject(event.message))
        }
        return Trouble(
            .sandboxFailed, "\(pod.words) gets no network: \(event.message)",
            remedy: "see whether the network plugin (Calico) is well on \(pod.node ?? "the node")", pod: pod.name,
            patience: Trouble.stubborn)
    }

    /// Whether the kubelet only has not heard yet of an object that may well exist; it gives no code for that.
    private func isLate(_ message: String) -> Bool {
        message.contains("failed to sync")
    }

    /// Everything the kubelet says about a failed pull: newer ones in the state, older ones in an event only.
    private func pullText(_ pod: Pod, _ container: ContainerStatus, _ waiting: String) -> String {
        let event = events(about: pod.uid, reasons: "Failed").last {
            $0.message.contains(container.image) && $0.message.lowercased().contains("pull")
        }
        // `Back-off pulling image "…"` alone says nothing about the cause.
        let own = waiting.hasPrefix("Back-off") && !waiting.contains(": ") ? "" : waiting
        return event?.message ?? own
    }

    /// Whether the kubelet could not read a pull Secret for its last attempt, which it then made without it.
    private func isSecretUnread(for pod: Pod) -> Bool {
        guard let unread = events(about: pod.uid, reasons: "FailedToRetrieveImagePullSecret").last else { return false }
        // It is written just before the attempt; one that is older was about an earlier attempt.
        let attempt = events(about: pod.uid, reasons: "Pulling").last
        return attempt.map { $0.time <= unread.time.addingTimeInterval(5) } ?? true
    }
}

extension String {
    /// runc's own words, without what containerd and the shim put around them.
    var runtimeCause: String {
        guard let range = firstRange(of: "unable to start container process: ") else { return self }
        let cause = self[range.upperBound...]
        return String(cause.hasSuffix(": unknown") ? cause.dropLast(": unknown".count) : cause)
    }
}
