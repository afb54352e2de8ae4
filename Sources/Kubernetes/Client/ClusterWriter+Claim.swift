import ClientKit

extension ClusterWriter {
    /// Makes the stray elements of live objects ours, so that the apply that follows removes them.
    ///
    /// Costs nothing where the manifests can have none, or where the last comparison saw none.
    func claimStrays(of manifests: [any Manifest]) async throws(KubernetesError) {
        let desired = manifests.map { ($0.reference, $0.json()) }.filter { StrayElements.arePossible(in: $0.1) }
        guard !desired.isEmpty, await reader.survey?.sawNoStrays(in: desired.map(\.0)) != true else { return }
        // A status written between the read and the write is a conflict too, and no reason to give up.
        var attemptsLeft = 5
        while true {
            let claims = try await claims(desired)
            guard !claims.isEmpty else { return }
            do {
                return try await write(claims)
            } catch {
                attemptsLeft -= 1
                guard error.serverReason == .conflict, attemptsLeft > 0 else { throw error }
            }
        }
    }

    /// The live objects that have stray elements, with these as ours in their `managedFields` and otherwise unchanged.
    private func claims(
        _ desired: [(reference: ObjectReference, manifest: JSONValue)]
    ) async throws(KubernetesError) -> [JSONValue] {
        let live = try await reader.getNow(desired.map(\.reference), options: ["--show-managed-fields"])
        let manifests = Dictionary(desired) { first, _ in first }
        return live.compactMap { object in
            guard let manifest = object.reference.flatMap({ manifests[$0] }),
                object["metadata", "deletionTimestamp"] == nil
            else { return nil }
            let strays = StrayElements.paths(in: object, beside: manifest)
            guard !strays.isEmpty else { return nil }
            return object.setting(
                [.field("metadata"), .field("managedFields")], to: FieldManagers.claiming(strays, in: object))
        }
    }

    /// Replaces objects as they were read: their `resourceVersion` is in them.
    private func write(_ claims: [JSONValue]) async throws(KubernetesError) {
        _ = try await reader.kubectl.run(
            "take over what was changed by hand in lists of \(claims.compactMap(\.reference).words)",
            ["replace", "--field-manager=\(Self.fieldManager)", "-o", "name", "-f", "-"],
            input: JSONValue.list(claims).serialized(), effect: .change)
    }
}
