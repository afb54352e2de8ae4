import ClientKit

extension ClusterWriter {
    /// Deletes these very objects, and in the background their dependents.
    ///
    /// One that is gone is passed over, and so is one in whose place somebody has put another of its name since it was
    /// read: nobody has looked at that.
    public func delete(_ objects: [JSONValue]) async throws(KubernetesError) {
        for object in objects {
            do {
                try await delete(object, if: ["uid"])
            } catch {
                guard error.serverReason == .notFound || error.serverReason == .conflict else { throw error }
            }
        }
    }

    /// Deletes an object, and in the background its dependents, unless it changed since it was read.
    ///
    /// Where it changed, the error's ``KubernetesError/serverReason`` is `conflict`.
    public func deleteUnchanged(_ object: JSONValue) async throws(KubernetesError) {
        try await delete(object, if: ["uid", "resourceVersion"])
    }

    /// Deletes an object whose `keys` of the metadata are what they were.
    private func delete(_ object: JSONValue, if keys: [String]) async throws(KubernetesError) {
        guard let reference = object.reference else {
            throw reader.kubectl.unreadable("an object without a name was read", for: "delete it")
        }
        var preconditions: [String: JSONValue] = [:]
        for key in keys { preconditions[key] = object["metadata", key] }
        let options: JSONValue = [
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
            "preconditions": .object(preconditions),
        ]
        // `kubectl delete` has no option for preconditions. With them it would wait until all finalizers are done;
        // callers poll and report progress instead.
        _ = try await reader.kubectl.run(
            ["delete", "--raw", reference.address, "-f", "-"], for: "delete \(reference) unless it changed",
            input: options.serialized(), effect: .change, outputIsSecret: reference.kind == "Secret")
    }
}
