import ClientKit

extension ClusterWriter {
    /// Brings the live objects to where one server-side apply of `manifests` does what a comparison said.
    ///
    /// Waits until what is being deleted is gone, deletes what can only be replaced, and makes ours what contradicts the
    /// manifests, so that the apply removes it. Each part can be cut off: the next look begins with what is there. Costs
    /// nothing where the last comparison saw nothing of it. Answers the Deployments whose pods somebody resized.
    func prepare(
        _ manifests: [any Manifest], refused: [ObjectReference: [String]] = [:], within limit: Duration,
        telling: (String, Duration?) -> Void
    ) async throws -> [JSONValue] {
        if refused.isEmpty, await reader.survey?.sawOnlyPlain(manifests.map(\.reference)) == true { return [] }
        let deadline = ContinuousClock.now + limit
        // A status written between the read and the write is a conflict too, and no reason to give up.
        var attemptsLeft = 5
        while true {
            let live = try await reader.liveObjects(of: manifests, fresh: true)
            let courses = manifests.map { Course(of: $0, among: live, refused: refused) }
            if let deletion = courses.lazy.compactMap(\.deletion).first {
                let left = ContinuousClock.now.duration(to: deadline)
                guard left > .zero else { throw stillThere(deletion, after: limit) }
                telling(
                    "waiting for \(deletion.reference), which is being deleted, to be gone\(deletion.heldBy)", left)
                try await Task.sleep(for: min(left, .seconds(1)))
                continue
            }
            let replaced = courses.compactMap(\.replaced)
            let claims = zip(manifests, courses).compactMap { $1.claim(towards: $0) }
            do {
                if !replaced.isEmpty, attemptsLeft > 0 {
                    telling("deleting \(replaced.words), to make it anew", nil)
                    attemptsLeft -= 1
                    try await delete(replaced)
                    continue
                }
                for claim in claims { try await write(claim) }
            } catch {
                attemptsLeft -= 1
                guard error.serverReason == .conflict, attemptsLeft > 0 else { throw error }
                continue
            }
            return try await resized(courses)
        }
    }

    /// Lets Deployments whose pods were resized replace them, one after the other; those that roll anyway are left alone.
    func restart(_ resized: [JSONValue]) async throws(KubernetesError) {
        guard !resized.isEmpty else { return }
        let before = resized.byReference()
        let now = try await reader.getNow(resized.compactMap(\.reference), options: [])
        for object in now {
            guard let reference = object.reference, let namespace = reference.namespace,
                before[reference]?["spec", "template"] == object["spec", "template"]
            else { continue }
            _ = try await reader.kubectl.run(
                "replace the resized pods of \(reference)",
                ["rollout", "restart", "deployment/\(reference.name)", "--namespace", namespace], effect: .change)
        }
    }

    private func resized(_ courses: [Course]) async throws(KubernetesError) -> [JSONValue] {
        var found: [JSONValue] = []
        for case .change(let object, _) in courses {
            if try await !reader.resizedPods(of: object).isEmpty { found.append(object) }
        }
        return found
    }

    /// Replaces an object as it was read: its `resourceVersion` is in it.
    ///
    /// By its address, since kubectl's own replacing would write the annotation of client-side apply anew.
    private func write(_ claim: JSONValue) async throws(KubernetesError) {
        guard let reference = claim.reference else { return }
        _ = try await reader.kubectl.run(
            "take over the fields of \(reference) that somebody else set",
            ["replace", "--raw", "\(reference.address)?fieldManager=\(Self.fieldManager)", "-f", "-"],
            input: claim.serialized(), effect: .change, outputIsSecret: reference.kind == "Secret")
    }

    private func stillThere(_ deletion: Deletion, after limit: Duration) -> KubernetesError {
        let scope = deletion.reference.namespace.map { "-n \($0) " } ?? ""
        let object = "\(deletion.reference.kind.lowercased()) \(deletion.reference.name)"
        return KubernetesError(
            .deadline(nil), attempt: "wait for \(deletion.reference), which is being deleted, to be gone",
            host: reader.hostName, cause: "it is still there after \(limit.words)\(deletion.heldBy)",
            remedy: deletion.holders.isEmpty
                ? "see why the controllers do not finish it: `kubectl \(scope)describe \(object)`; then run again"
                : "bring back the controller that removes what holds it, or remove that by hand: "
                    + "`kubectl \(scope)edit \(object)`; then run again")
    }
}

extension Course {
    fileprivate var deletion: Deletion? {
        if case .wait(let deletion) = self { deletion } else { nil }
    }

    fileprivate var replaced: ObjectReference? {
        if case .replace(let object, _) = self { object.reference } else { nil }
    }
}

extension ObjectReference {
    /// The path of the object on the API server.
    fileprivate var address: String {
        let plural = kind.lowercased() + (kind.hasSuffix("s") ? "es" : "s")
        return (apiVersion.contains("/") ? "/apis/" : "/api/") + apiVersion
            + (namespace.map { "/namespaces/\($0)" } ?? "") + "/\(plural)/\(name)"
    }
}
