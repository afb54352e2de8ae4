import ClientKit

extension ClusterReader {
    /// How the cluster differs from what `desired` says, in the order of `desired`; empty where everything is in place.
    ///
    /// Two commands for any number of objects: a read, and a dry run on the server of what ``ClusterWriter/apply(_:)`` would
    /// do. What the dry run cannot try, since its namespace does not exist yet, is predicted. Where the server would refuse
    /// the rest, its refusal is thrown. An object with ``StrayElements`` costs one dry run more, and so does all of it where
    /// the API server warns: `warned` is told, where somebody wants to know.
    public func compare(
        _ desired: [any Manifest], warned: ((AdmissionWarning) -> Void)? = nil
    ) async throws(KubernetesError) -> [ObjectDifference] {
        let live = try await liveObjects(of: desired)
        let missingNamespaces = Set(desired.compactMap(\.metadata.namespace))
            .filter { live[.init(apiVersion: "v1", kind: "Namespace", name: $0)] == nil }
        let triable = desired.filter { manifest in
            manifest.metadata.namespace.map { !missingNamespaces.contains($0) } ?? true
        }
        var strays: [ObjectReference: [[FieldStep]]] = [:]
        for manifest in desired {
            let object = live[manifest.reference]
            strays[manifest.reference] = object.map { StrayElements.paths(in: $0, beside: manifest.json()) } ?? []
        }
        await survey?.noteStrays(strays.mapValues { !$0.isEmpty })
        let applied = try await dryRun(triable, beside: strays, warned)

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
            let sent = manifest.json()
            let kept = LeftFields.kept(from: old, in: new, beside: sent)
            if let difference = Comparison.difference(reference, live: old, applied: kept, sent: sent) {
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

    private func dryRun(
        _ manifests: [any Manifest], beside strays: [ObjectReference: [[FieldStep]]],
        _ warned: ((AdmissionWarning) -> Void)?
    ) async throws(KubernetesError) -> [ObjectReference: JSONValue] {
        guard !manifests.isEmpty else { return [:] }
        let desired = manifests.map { StrayElements.renamingPorts(strays[$0.reference] ?? [], beside: $0.json()) }
        let input = JSONValue.list(desired).serialized()
        let attempt = "try to apply \(manifests.map(\.reference).words)"
        let command = ["apply", "--dry-run=server"] + ClusterWriter.serverSide + ["-o", "json", "-f", "-"]
        let result = try await kubectl.run(
            attempt, command, input: input, effect: .read,
            outputIsSecret: manifests.contains { $0.kind == "Secret" })
        if let warned {
            try await warnings(of: result, applying: input, of: manifests.map(\.reference)).forEach(warned)
        }
        var applied = try kubectl.parsed(result, attempt, command).objects.byReference()
        for (reference, paths) in strays where !paths.isEmpty {
            guard let object = applied[reference] else { continue }
            applied[reference] = try await dryRun(of: object, reference, without: paths)
        }
        return applied
    }

    /// What the server makes of an object as applying leaves it once its stray elements are ours.
    private func dryRun(
        of object: JSONValue, _ reference: ObjectReference, without strays: [[FieldStep]]
    ) async throws(KubernetesError) -> JSONValue? {
        // Without a version kubectl takes the present one: a status that was written meanwhile is no conflict.
        let paths = strays + [[.field("metadata"), .field("resourceVersion")]]
        return try await kubectl.json(
            "try to remove \(strays.map(\.words).joined(separator: ", ")) from \(reference)",
            ["replace", "--dry-run=server", "--field-manager=\(ClusterWriter.fieldManager)", "-o", "json", "-f", "-"],
            input: paths.reduce(object) { $0.setting($1[...], to: nil) }.serialized(), effect: .read)
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
