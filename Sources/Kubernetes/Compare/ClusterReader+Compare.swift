import ClientKit

extension ClusterReader {
    /// The differences between the cluster and `desired`, in the order of `desired`.
    ///
    /// Costs two commands for any number of objects: a read, and a server-side dry run of
    /// ``ClusterWriter/apply(_:within:telling:)``; for Deployments, their pods are read too. What
    /// cannot be tried, because its namespace does not exist yet or something has to be deleted
    /// first, is predicted. Where the server would refuse the apply, its error is thrown. Objects
    /// with ``UnmanagedElements`` cost another dry run, and so do warnings of the API server where
    /// `onWarning` is given.
    public func compare(
        _ desired: [any Manifest], onWarning: ((AdmissionWarning) -> Void)? = nil
    ) async throws(KubernetesError) -> [ObjectDifference] {
        let live = try await liveObjects(of: desired, fresh: false)
        var refused: [ObjectReference: [String]] = [:]
        while true {
            let actions = desired.map { ($0, ApplyAction(for: $0, among: live, refused: refused)) }
            do {
                return try await differences(
                    for: actions, applied: try await dryRun(actions, onWarning: onWarning))
            } catch {
                let more = ImmutableFields.reported(by: error, among: desired).filter {
                    refused[$0.key] == nil
                }
                guard !more.isEmpty else { throw error }
                refused.merge(more) { first, _ in first }
            }
        }
    }

    private func differences(
        for actions: [(manifest: any Manifest, action: ApplyAction)],
        applied: [ObjectReference: JSONValue]
    ) async throws(KubernetesError) -> [ObjectDifference] {
        var found: [ObjectDifference] = []
        var needsOnlyApply: [ObjectReference: Bool] = [:]
        for (manifest, action) in actions {
            let reference = manifest.reference
            var difference: ObjectDifference?
            switch action {
            case .create(let certainty):
                difference = ObjectDifference(
                    reference: reference, kind: .create, certainty: certainty,
                    secrets: SecretUses(creating: manifest.json()))
            case .wait(let deletion):
                difference = ObjectDifference(creating: manifest, after: deletion)
            case .change(let object, _):
                let result = DelegatedFields.keepingValues(
                    of: object, in: try result(of: reference, in: applied),
                    notSetBy: manifest.json())
                let fields = Comparison.fields(
                    reference, live: object, applied: result, sent: manifest.json())
                let resized = try await resizedPods(of: object, unlessReplacedBy: fields)
                needsOnlyApply[reference] = action.needsOnlyApply(of: manifest) && resized.isEmpty
                if !fields.isEmpty || !resized.isEmpty {
                    difference = ObjectDifference(
                        reference: reference, kind: .change, fields: fields + resized,
                        certainty: .proved)
                }
            case .replace(let object, let since):
                let new = try result(of: reference.forTrial, in: applied)
                difference = ObjectDifference(
                    reference: reference, kind: .replace,
                    fields: Comparison.fields(reference, replaced: object, by: new),
                    certainty: .proved,
                    immutableFields: since)
            }
            needsOnlyApply[reference] =
                needsOnlyApply[reference] ?? action.needsOnlyApply(of: manifest)
            if let difference { found.append(difference) }
        }
        await survey?.note(needsOnlyApply: needsOnlyApply)
        return found
    }

    private func result(
        of reference: ObjectReference, in applied: [ObjectReference: JSONValue]
    ) throws(KubernetesError) -> JSONValue {
        guard let object = applied[reference] else {
            throw kubectl.unreadable(
                "the dry run's result does not contain the object", for: "compare \(reference)")
        }
        return object
    }

    /// What somebody resized in the pods of a Deployment; empty where its pods will be replaced
    /// anyway.
    func resizedPods(
        of object: JSONValue, unlessReplacedBy fields: [FieldDifference] = []
    ) async throws(KubernetesError) -> [FieldDifference] {
        guard object["kind"] == "Deployment",
            let namespace = object["metadata", "namespace"]?.string,
            !fields.contains(where: { $0.path.hasPrefix("spec.template.") })
        else { return [] }
        let resources = ["replicasets.apps", "pods"]
        if let known = await survey?.list(resources, namespace: namespace, labels: [:]) {
            return PodResize.fields(of: object, among: known)
        }
        return PodResize.fields(
            of: object,
            among: try await list(
                resources, namespace: namespace, options: ["--show-managed-fields"]))
    }

    /// The existing objects, with their managers, and their namespaces.
    func liveObjects(
        of desired: [any Manifest], fresh: Bool
    ) async throws(KubernetesError) -> [ObjectReference: JSONValue] {
        var references: [ObjectReference] = []
        for manifest in desired {
            if let namespace = manifest.metadata.namespace {
                references.append(
                    ObjectReference(apiVersion: "v1", kind: "Namespace", name: namespace))
            }
            references.append(manifest.reference)
        }
        var seen: Set<ObjectReference> = []
        references = references.filter { seen.insert($0).inserted }
        let options = ["--show-managed-fields"]
        return try await (fresh ? getNow(references, options: options) : get(references, options: options))
            .byReference()
    }

    private func dryRun(
        _ actions: [(manifest: any Manifest, action: ApplyAction)],
        onWarning: ((AdmissionWarning) -> Void)?
    ) async throws(KubernetesError) -> [ObjectReference: JSONValue] {
        let inputs = actions.compactMap { manifest, action in
            action.dryRunInput(for: manifest).map { (manifest.reference, $0) }
        }
        guard !inputs.isEmpty else { return [:] }
        let references = inputs.map(\.0)
        let input = JSONValue.list(inputs.map(\.1)).serialized()
        let attempt = "dry-run the apply of \(references.summary)"
        let command = ClusterWriter.dryRun + ["-o", "json", "-f", "-"]
        let result = try await kubectl.run(
            command, for: attempt, input: input, effect: .read,
            outputIsSecret: references.contains { $0.kind == "Secret" })
        if let onWarning {
            try await warnings(of: result, applying: input, of: references).forEach(onWarning)
        }
        var applied = try kubectl.parsed(result, of: command, for: attempt).objects.byReference()
        for (manifest, action) in actions {
            guard case .change(_, let unmanaged) = action, !unmanaged.paths.isEmpty,
                let object = applied[manifest.reference]
            else { continue }
            applied[manifest.reference] = try await dryRun(
                replacing: manifest.reference,
                with: unmanaged.replacement(from: object, for: manifest.json()),
                without: unmanaged.paths)
        }
        return applied
    }

    /// The object as the server would return it after an apply that also removes `paths`.
    private func dryRun(
        replacing reference: ObjectReference, with object: JSONValue, without paths: [[FieldStep]]
    ) async throws(KubernetesError) -> JSONValue? {
        // Without a version kubectl uses the current one: a status update in between is no
        // conflict. The annotation of client-side apply is one that kubectl would rewrite.
        let annotation = FieldManagers.lastApplied
        let sent = object.setting([.field("metadata"), .field("resourceVersion")], to: nil)
            .setting(annotation[...], to: nil)
        let answer = try await kubectl.json(
            [
                "replace", "--dry-run=server", "--field-manager=\(ClusterWriter.fieldManager)",
                "-o", "json", "-f", "-",
            ],
            for:
                "dry-run the removal of \(paths.map(\.displayText).joined(separator: ", ")) from \(reference)",
            input: sent.serialized(), effect: .read, outputIsSecret: reference.kind == "Secret")
        guard let kept = object.value(at: annotation) else { return answer }
        return answer?.setting(annotation[...], to: kept)
    }
}

extension ApplyAction {
    /// What is sent to the server in the dry run; `nil` where nothing can be tried yet.
    ///
    /// The replacement of an object is tried under another name, since the object still exists.
    fileprivate func dryRunInput(for manifest: any Manifest) -> JSONValue? {
        let desired = manifest.json()
        return switch self {
        case .create(.proved): desired
        case .create(.predicted), .wait: nil
        case .change(_, let unmanaged): unmanaged.dryRunInput(for: desired)
        case .replace:
            desired.setting(
                [.field("metadata"), .field("name")], to: .string(manifest.reference.forTrial.name))
        }
    }
}

extension ObjectReference {
    /// The same object under an unused name.
    fileprivate var forTrial: ObjectReference {
        ObjectReference(
            apiVersion: apiVersion, kind: kind, namespace: namespace,
            name: "\(name.prefix(40))-keybuzz-runner-trial")
    }
}

extension ObjectDifference {
    fileprivate init(creating manifest: any Manifest, after deletion: Deletion) {
        let reference = manifest.reference
        let isItself = deletion.reference == reference
        let what = isItself ? "the existing one" : "\(deletion.reference)"
        self.init(
            reference: reference, kind: .create,
            certainty: .predicted("\(what) is still being deleted"),
            precondition: "\(what) is deleted\(deletion.reason)",
            secrets: SecretUses(creating: manifest.json()))
    }
}

extension [JSONValue] {
    func byReference() -> [ObjectReference: JSONValue] {
        Dictionary(compactMap { object in object.reference.map { ($0, object) } }) { first, _ in
            first
        }
    }
}
