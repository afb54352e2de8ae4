import ClientKit

extension ClusterWriter {
    /// Makes the cluster try at once to create the pods that the API server refused to ReplicaSets of these Deployments.
    ///
    /// By itself it tries again after up to 17 minutes, however long the cause is gone. A change of the ReplicaSet is what makes
    /// the controller look; what is written there tells later looks which refusal is the old one. Costs nothing but a look
    /// where nothing was refused.
    public func retryRefusedPods(of deployments: [String], namespace: String) async throws(KubernetesError) {
        let items = try await reader.list(
            ["deployments.apps", "replicasets.apps", "events"], namespace: namespace, labels: [:], options: [])
        let snapshot = Snapshot(items)
        for name in deployments {
            guard let deployment = snapshot.object("Deployment", named: name) else { continue }
            for set in snapshot.objects("ReplicaSet", ownedBy: deployment) {
                guard let refused = Refused(set, snapshot), let time = refused.time,
                    let setName = set["metadata", "name"]?.string
                else { continue }
                _ = try await reader.kubectl.run(
                    "make the cluster try again to create the pods of \(name)",
                    [
                        "annotate", "--namespace", namespace, "--overwrite", "replicaset/\(setName)",
                        "\(Refused.seenKey)=\(Timestamp.text(time))",
                    ], effect: .change)
            }
        }
    }
}
