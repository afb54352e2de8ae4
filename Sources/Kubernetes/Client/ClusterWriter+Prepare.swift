import ClientKit

extension ClusterWriter {
    /// Prepares the live objects so that a server-side apply of `manifests` has the result that the
    /// comparison announced.
    ///
    /// Waits until objects that are being deleted are gone, deletes those that can only be
    /// replaced, and takes ownership of what contradicts the manifests, so that the apply removes
    /// it. Can be interrupted at any point and called again. Costs nothing where the last
    /// comparison found nothing to prepare. Returns the Deployments whose pods somebody resized.
    func prepare(
        _ manifests: [any Manifest], refused: [ObjectReference: [String]] = [:],
        within limit: TimeLimit,
        telling: (String, Duration?) -> Void
    ) async throws -> [JSONValue] {
        if refused.isEmpty, await reader.survey?.needsOnlyApply(manifests.map(\.reference)) == true {
            return []
        }
        let deadline = ContinuousClock.now + limit.duration
        // A status update between the read and the write is a conflict too, and no reason to give
        // up.
        var attemptsLeft = 5
        while true {
            let live = try await reader.liveObjects(of: manifests, fresh: true)
            let actions = manifests.map { ApplyAction(for: $0, among: live, refused: refused) }
            if let deletion = actions.lazy.compactMap(\.deletion).first {
                let left = ContinuousClock.now.duration(to: deadline)
                guard left > .zero else { throw stillThere(deletion, after: limit) }
                telling(
                    "waiting for the deletion of \(deletion.reference)\(deletion.reason)",
                    left)
                try await Task.sleep(for: min(left, .seconds(1)))
                continue
            }
            let replaced = actions.compactMap(\.replaced)
            let prepared = zip(manifests, actions).compactMap { $1.preparedObject(for: $0) }
            do {
                if !replaced.isEmpty, attemptsLeft > 0 {
                    telling("deleting \(replaced.compactMap(\.reference).summary) in order to recreate it", nil)
                    attemptsLeft -= 1
                    try await delete(replaced)
                    continue
                }
                for object in prepared { try await write(object) }
            } catch {
                attemptsLeft -= 1
                guard error.serverReason == .conflict, attemptsLeft > 0 else { throw error }
                continue
            }
            return try await resized(actions)
        }
    }

    /// Restarts the rollout of Deployments whose pods were resized, except of those whose template
    /// changed anyway.
    func restart(_ resized: [JSONValue]) async throws(KubernetesError) {
        guard !resized.isEmpty else { return }
        let before = resized.byReference()
        let now = try await reader.getNow(resized.compactMap(\.reference), options: [])
        for object in now {
            guard let reference = object.reference, let namespace = reference.namespace,
                before[reference]?["spec", "template"] == object["spec", "template"]
            else { continue }
            _ = try await reader.kubectl.run(
                ["rollout", "restart", "deployment/\(reference.name)", "--namespace", namespace],
                for: "replace the resized pods of \(reference)", effect: .change)
        }
    }

    private func resized(_ actions: [ApplyAction]) async throws(KubernetesError) -> [JSONValue] {
        var found: [JSONValue] = []
        for case .change(let object, _) in actions {
            if try await !reader.resizedPods(of: object).isEmpty { found.append(object) }
        }
        return found
    }

    /// Replaces an object unless it changed since it was read: `object` contains its
    /// `resourceVersion`.
    ///
    /// Uses the raw path, since `kubectl replace` would rewrite the annotation of client-side
    /// apply.
    private func write(_ object: JSONValue) async throws(KubernetesError) {
        guard let reference = object.reference else { return }
        _ = try await reader.kubectl.run(
            [
                "replace", "--raw", "\(reference.address)?fieldManager=\(Self.fieldManager)", "-f",
                "-",
            ],
            for: "take over the fields of \(reference) that somebody else set",
            input: object.serialized(), effect: .change, outputIsSecret: reference.kind == "Secret")
    }

    private func stillThere(_ deletion: Deletion, after limit: TimeLimit) -> KubernetesError {
        let scope = deletion.reference.namespace.map { "-n \($0) " } ?? ""
        let object = "\(deletion.reference.kind.lowercased()) \(deletion.reference.name)"
        return KubernetesError(
            .deadline(nil),
            attempt: "wait for the deletion of \(deletion.reference)",
            host: reader.hostName,
            cause: "it is still there after \(limit.inWords)\(deletion.reason)",
            remedy: deletion.blockers.isEmpty
                ? "find out why the controllers do not finish it: "
                    + "`kubectl \(scope)describe \(object)`; then run again"
                : "restore the controller that removes the finalizer, or remove it by hand: "
                    + "`kubectl \(scope)edit \(object)`; then run again")
    }
}

extension ApplyAction {
    fileprivate var deletion: Deletion? {
        if case .wait(let deletion) = self { deletion } else { nil }
    }

    fileprivate var replaced: JSONValue? {
        if case .replace(let object, _) = self { object } else { nil }
    }
}

extension ObjectReference {
    /// The path of the object on the API server.
    var address: String {
        let plural = kind.lowercased() + (kind.hasSuffix("s") ? "es" : "s")
        return (apiVersion.contains("/") ? "/apis/" : "/api/") + apiVersion
            + (namespace.map { "/namespaces/\($0)" } ?? "") + "/\(plural)/\(name)"
    }
}
