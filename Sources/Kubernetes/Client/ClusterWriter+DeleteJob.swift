import ClientKit

extension ClusterWriter {
    /// Deletes a Job, and in the background its pods, unless it changed since `job` was read.
    ///
    /// Where it changed, the error's ``KubernetesError/serverReason`` is `conflict`.
    public func deleteUnchanged(job: JSONValue) async throws(KubernetesError) {
        guard let reference = job.reference, let namespace = reference.namespace else { return }
        var preconditions: [String: JSONValue] = [:]
        for key in ["uid", "resourceVersion"] { preconditions[key] = job["metadata", key] }
        let options: JSONValue = [
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
            "preconditions": .object(preconditions),
        ]
        // `kubectl delete` has no option for preconditions.
        _ = try await reader.kubectl.run(
            [
                "delete", "--raw", "/apis/batch/v1/namespaces/\(namespace)/jobs/\(reference.name)",
                "-f", "-",
            ],
            for: "delete \(reference) unless it changed", input: options.serialized(),
            effect: .change)
    }
}
