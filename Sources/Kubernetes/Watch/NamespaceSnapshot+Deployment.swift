extension NamespaceSnapshot {
    func deploymentVerdict(_ name: String) -> Verdict {
        let subject = "Deployment \(name)"
        guard let deployment = object("Deployment", named: name) else {
            return .failed(.missing(subject))
        }
        if deployment["spec", "paused"]?.bool == true {
            return .failed(
                Problem(
                    .paused, summary: "\(subject) is paused, so it is not rolled out",
                    remedy: "run the module again: it resumes the rollout",
                    gracePeriod: GracePeriod.permanent, subject: subject))
        }
        let generation = deployment["metadata", "generation"]?.integer ?? 0
        let observed = deployment["status", "observedGeneration"]?.integer ?? 0
        guard observed >= generation else {
            return .waiting(
                "generation \(observed) of \(generation) observed",
                .notReconciled(
                    subject, pending: "generation \(generation)",
                    observed: "generation \(observed)"))
        }
        let counts = ReplicaCounts(deployment)
        let newest = newestReplicaSet(of: deployment)
        // Only the new ReplicaSet's pods count: the old ones may have the very problem that this
        // update fixes.
        let all = newest.map { self.pods(ownedBy: $0) }?.filter { !$0.isBeingDeleted } ?? []
        let pods = all.filter { !$0.hasEnded }
        if counts.isComplete {
            // Without a controller manager, the status outlives the pods that it counts.
            guard pods.count >= counts.wanted else {
                return .waiting(
                    "\(counts.available) pods available by its status, \(pods.count) present",
                    .statusOutdated(subject, reported: counts.available, present: pods.count))
            }
            return .done("\(counts.available) of \(counts.wanted) pods available")
        }

        // Ended pods have been replaced: how they ended matters only where their replacements have
        // no problem.
        let current = pods.compactMap { problem(of: $0) }.worst
        let found = (current ?? all.compactMap { eviction(of: $0) }.last)?.prefixed(with: subject)
        let stalled = stall(of: deployment, subject: subject, counts: counts)
        // What might have passed has had its time once the Deployment's own deadline is over.
        let late =
            stalled == nil || found?.isPermanent == true
            ? found : found?.withGracePeriod(GracePeriod.permanent)
        let worst =
            creationFailure(of: newest ?? deployment, subject: subject) ?? late ?? stalled
        let busy = pods.first { $0.ready?.status != "True" }.map { "; " + activity(of: $0) }
        return .waiting(counts.summary + (worst == nil ? busy ?? "" : ""), worst)
    }

    private func newestReplicaSet(of deployment: JSONValue) -> JSONValue? {
        let key = "deployment.kubernetes.io/revision"
        let revision = deployment["metadata", "annotations"]?.strings[key]
        return objects("ReplicaSet", ownedBy: deployment).first {
            $0["metadata", "annotations"]?.strings[key] == revision
        }
    }

    private func creationFailure(of owner: JSONValue, subject: String) -> Problem? {
        PodCreationFailure(of: owner, in: self).map { failure in
            let problem = Problem.podsRejected(subject, message: failure.message)
            return failure.isOld ? problem.withGracePeriod(GracePeriod.external) : problem
        }
    }

    private func stall(
        of deployment: JSONValue, subject: String, counts: ReplicaCounts
    ) -> Problem? {
        guard let progress = deployment.condition("Progressing"),
            progress.reason == "ProgressDeadlineExceeded"
        else { return nil }
        return Problem(
            .noProgress,
            summary: "\(subject) is not progressing: \(progress.message) (\(counts.summary))",
            remedy: "run `kubectl describe pods` to see what each pod is waiting for",
            gracePeriod: GracePeriod.permanent, subject: subject)
    }
}

/// How many pods a Deployment has.
private struct ReplicaCounts {
    let wanted: Int
    let updated: Int
    let total: Int
    let available: Int

    init(_ deployment: JSONValue) {
        wanted = deployment["spec", "replicas"]?.integer ?? 1
        updated = deployment["status", "updatedReplicas"]?.integer ?? 0
        total = deployment["status", "replicas"]?.integer ?? 0
        available = deployment["status", "availableReplicas"]?.integer ?? 0
    }

    /// Whether all pods are updated and available.
    var isComplete: Bool {
        updated >= wanted && total <= updated && available >= updated
    }

    var summary: String {
        let text = "\(updated) of \(wanted) pods updated, \(available) available"
        return total > updated ? text + ", \(total - updated) old pods remaining" : text
    }
}
