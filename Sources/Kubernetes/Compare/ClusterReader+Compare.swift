import ClientKit

extension ClusterReader {
    /// How the cluster differs from what `desired` says, in the order of `desired`; empty where everything is in place.
    ///
    /// Two commands for any number of objects: a read, and a dry run on the server of what ``ClusterWriter/apply(_:)`` would
    /// do. What the dry run cannot try, since its namespace does not exist yet, is predicted. Where the server would refuse
    /// the rest, its refusal is thrown.
    public func compare(_ desired: [any Manifest]) async throws(KubernetesError) -> [ObjectDifference] {
        let live = try await liveObjects(of: desired)
        let missingNamespaces = Set(desired.compactMap(\.metadata.namespace))
            .filter { live[.init(apiVersion: "v1", kind: "Namespace", name: $0)] == nil }
        let triable = desired.filter { manifest in
            manifest.metadata.namespace.map { !missingNamespaces.contains($0) } ?? true
        }
        let applied = try await dryRun(triable)

        var differences: [ObjectDifference] = []
        for manifest in desired {
            let reference = manifest.reference
            guard let old = live[reference] else {
                differences.append(
                    ObjectDifference(
                        reference: reference, kind: .create, certainty: .proved(unless: missingNamespaces, reference)))
                continue
            }
            guard old["metadata", "deletionTimestamp"] == nil else {
                differences.append(
                    ObjectDifference(
                        reference: reference, kind: .create,
                        certainty: .predicted("the present one is being deleted and not yet gone")))
                continue
            }
            guard let new = applied[reference] else {
                throw kubectl.unreadable("compare \(reference)", [], "the dry run's answer lacks the object")
            }
            if let difference = Comparison.difference(reference, live: old, applied: new) {
                differences.append(difference)
            }
        }
        return differences
    }

    /// The live objects with their managers, and the namespaces they are in, missing ones left out.
    private func liveObjects(
        of desired: [any Manifest]
    ) async throws(KubernetesError) -> [ObjectReference: JSONValue] {
        var references: [ObjectReference] = []
        for manifest in desired {
            if let namespace = manifest.metadata.namespace {
                references.append(ObjectReference(apiVersion: "v1", kind: "Namespace", name: namespace))
            }
            references.append(manifest.reference)
        }
        var seen: Set<ObjectReference> = []
        let objects = try await get(
            references.filter { seen.insert($0).inserted }, options: ["--show-managed-fields"])
        return objects.byReference()
    }

    private func dryRun(_ manifests: [any Manifest]) async throws(KubernetesError) -> [ObjectReference: JSONValue] {
        guard !manifests.isEmpty else { return [:] }
        return try await kubectl.objects(
            "try to apply \(manifests.map(\.reference).words)",
            ["apply", "--dry-run=server"] + ClusterWriter.serverSide + ["-o", "json", "-f", "-"],
            input: manifests.standardInput(), effect: .read,
            outputIsSecret: manifests.contains { $0.kind == "Secret" }
        ).byReference()
    }
}

extension ObjectDifference.Certainty {
    fileprivate static func proved(unless missing: Set<String>, _ reference: ObjectReference) -> Self {
        guard let namespace = reference.namespace, missing.contains(namespace) else { return .proved }
        return .predicted("namespace \(namespace) does not exist yet")
    }
}

extension [JSONValue] {
    fileprivate func byReference() -> [ObjectReference: JSONValue] {
        Dictionary(compactMap { object in object.reference.map { ($0, object) } }) { first, _ in first }
    }
}
