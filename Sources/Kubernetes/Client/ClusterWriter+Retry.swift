import ClientKit

extension ClusterWriter {
    /// Makes the ReplicaSets of these Deployments retry the creation of pods that the API server
    /// refused.
    ///
    /// The controller backs off for up to 17 minutes, even after the cause is gone, but reacts to a
    /// change of the ReplicaSet. The annotation written here also shows later checks which refusal
    /// is the old one. Where nothing was refused, this only reads.
    public func retryRefusedPods(
        of deployments: [String], namespace: String
    ) async throws(KubernetesError) {
        let items = try await reader.list(
            ["deployments.apps", "replicasets.apps", "events"], namespace: namespace, labels: [:],
            options: [])
        let snapshot = NamespaceSnapshot(items)
        for name in deployments {
            guard let deployment = snapshot.object("Deployment", named: name) else { continue }
            for set in snapshot.objects("ReplicaSet", ownedBy: deployment) {
                guard let refused = PodCreationFailure(of: set, in: snapshot),
                    let time = refused.time,
                    let setName = set["metadata", "name"]?.string
                else { continue }
                _ = try await reader.kubectl.run(
                    [
                        "annotate", "--namespace", namespace, "--overwrite",
                        "replicaset/\(setName)",
                        "\(PodCreationFailure.seenKey)=\(Timestamp.text(time))",
                    ], for: "retry the creation of the pods of Deployment \(name)",
                    effect: .change)
            }
        }
    }
}
