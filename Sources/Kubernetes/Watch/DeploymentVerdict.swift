extension Snapshot {
    /// How a workload stands.
    func verdict(on workload: Workload) -> Verdict {
        switch workload {
        case .deployment(let name): deploymentVerdict(name)
        case .job(let name): jobVerdict(name)
        }
    }

    private func deploymentVerdict(_ name: String) -> Verdict {
        guard let deployment = object("Deployment", named: name) else {
            return .failed(.missing("Deployment \(name)"))
        }
        if deployment["spec", "paused"]?.bool == true {
            return .failed(
                Trouble(
                    .paused, "Deployment \(name) is paused: somebody told the cluster not to roll it out",
                    remedy: "run the module again: it takes the pause away and rolls the Deployment out",
                    patience: Trouble.confirmed, subject: "Deployment \(name)"))
        }
        let generation = deployment["metadata", "generation"]?.integer ?? 0
        let observed = deployment["status", "observedGeneration"]?.integer ?? 0
        guard observed >= generation else {
            return .waiting(
                "the controllers have seen generation \(observed) of \(generation)",
                .unattended("Deployment \(name)", "generation \(generation) of it", seen: observed))
        }
        let counts = ReplicaCounts(deployment)
        if counts.isComplete { return .done("\(counts.available) of \(counts.wanted) pods available") }

        let newest = newestReplicaSet(of: deployment)
        // Only the new ReplicaSet's pods count: old ones may be broken in just the way that this update mends.
        let all = newest.map { self.pods(ownedBy: $0) }?.filter { !$0.isBeingDeleted } ?? []
        let pods = all.filter { !$0.hasEnded }
        // Ended pods have been replaced: how they ended matters only where nothing is wrong with those that took their place.
        let found = (pods.compactMap { self.trouble(of: $0) }.worst ?? all.compactMap { eviction(of: $0) }.last)?
            .told(about: "Deployment \(name)")
        let stalled = stall(of: deployment, name, counts)
        // What might pass by itself has had its time once the Deployment's own deadline is over.
        let late = stalled == nil || found?.isPermanent == true ? found : found?.lasting(Trouble.confirmed)
        let trouble = refusal(of: newest ?? deployment, name) ?? late ?? stalled
        let busy = pods.first { $0.ready?.status != "True" }.map { "; " + activity(of: $0) }
        return .waiting(counts.words + (trouble == nil ? busy ?? "" : ""), trouble)
    }

    private func newestReplicaSet(of deployment: JSONValue) -> JSONValue? {
        let key = "deployment.kubernetes.io/revision"
        let revision = deployment["metadata", "annotations"]?.strings[key]
        return objects("ReplicaSet", ownedBy: deployment).first {
            $0["metadata", "annotations"]?.strings[key] == revision
        }
    }

    private func refusal(of owner: JSONValue, _ name: String) -> Trouble? {
        Refused(owner, self).map { refused in
            let trouble = Trouble.podRefused("Deployment \(name)", refused.message)
            return refused.isOld ? trouble.lasting(Trouble.stubborn) : trouble
        }
    }

    private func stall(of deployment: JSONValue, _ name: String, _ counts: ReplicaCounts) -> Trouble? {
        guard let progress = deployment.condition("Progressing"), progress.reason == "ProgressDeadlineExceeded" else {
            return nil
        }
        return Trouble(
            .noProgress, "Deployment \(name) makes no progress: \(progress.message) (\(counts.words))",
            remedy: "look at its pods: `kubectl describe pods` names what each waits for", patience: Trouble.confirmed,
            subject: "Deployment \(name)")
    }
}

/// How many pods a Deployment has, of which kind.
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

    /// All pods are new ones, and all of them are available.
    var isComplete: Bool {
        updated >= wanted && total <= updated && available >= updated
    }

    var words: String {
        var text = "\(updated) of \(wanted) pods new, \(available) available"
        if total > updated { text += ", \(total - updated) old still there" }
        return text
    }
}
