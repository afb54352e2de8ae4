import ClientKit

extension ClusterWriter {
    /// Gives up what earlier applies have set and `manifests` now leave to others, so that the apply that follows keeps it.
    ///
    /// Costs nothing where no manifest leaves anything.
    func giveUpLeftFields(of manifests: [any Manifest]) async throws(KubernetesError) {
        let desired = Dictionary(manifests.map { ($0.reference, $0.json()) }) { first, _ in first }
            .filter { !LeftFields.paths(in: $0.value).isEmpty }
        guard !desired.isEmpty else { return }
        // A status written between the read and the write is a conflict too, and no reason to stop.
        var attemptsLeft = 5
        while true {
            let live = try await reader.getNow(
                desired.keys.sorted { "\($0)" < "\($1)" }, options: ["--show-managed-fields"])
            let changed = live.compactMap { object in
                object.reference.flatMap { desired[$0] }.flatMap { LeftFields.givenUp(in: object, beside: $0) }
            }
            guard !changed.isEmpty else { return }
            do {
                _ = try await reader.kubectl.run(
                    "leave to others what \(changed.compactMap(\.reference).words) had from earlier runs",
                    ["replace", "--field-manager=\(Self.fieldManager)", "-o", "name", "-f", "-"],
                    input: JSONValue.list(changed).serialized(), effect: .change)
                return
            } catch {
                attemptsLeft -= 1
                guard error.serverReason == .conflict, attemptsLeft > 0 else { throw error }
            }
        }
    }
}
