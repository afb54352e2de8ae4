import ClientKit

extension ClusterReader {
    /// How the cluster differs from what `desired` says, in the order of `desired`; empty where everything is in place.
    ///
    /// Two commands for any number of objects: a read, and a dry run on the server of what ``ClusterWriter/apply(_:)`` would
    /// do; for Deployments their pods are read too. What the dry run cannot try, since its namespace does not exist yet or
    /// something must be gone first, is predicted. Where the server would refuse the rest, its refusal is thrown. Objects
    /// with ``Contradictions`` cost one dry run more, and so does all of it where the API server warns: `warned` is told,
    /// where somebody wants to know.
    public func compare(
        _ desired: [any Manifest], warned: ((AdmissionWarning) -> Void)? = nil
    ) async throws(KubernetesError) -> [ObjectDifference] {
        let live = try await liveObjects(of: desired, fresh: false)
        var refused: [ObjectReference: [String]] = [:]
        while true {
            let courses = desired.map { ($0, Course(of: $0, among: live, refused: refused)) }
            do {
                return try await differences(along: courses, tried: try await dryRun(courses, warned))
            } catch {
                let more = ImmutableFields.named(in: error, among: desired).filter { refused[$0.key] == nil }
                guard !more.isEmpty else { throw error }
                refused.merge(more) { first, _ in first }
            }
        }
    }

    private func differences(
        along courses: [(manifest: any Manifest, course: Course)], tried: [ObjectReference: JSONValue]
    ) async throws(KubernetesError) -> [ObjectDifference] {
        var found: [ObjectDifference] = []
        var plain: [ObjectReference: Bool] = [:]
        for (manifest, course) in courses {
            let reference = manifest.reference
            var difference: ObjectDifference?
            switch course {
            case .create(let certainty):
                difference = ObjectDifference(reference: reference, kind: .create, certainty: certainty)
            case .wait(let deletion):
                difference = ObjectDifference(creating: reference, after: deletion)
            case .change(let object, _):
                let applied = LeftFields.kept(
                    from: object, in: try result(of: reference, in: tried), beside: manifest.json())
                let fields = Comparison.fields(reference, live: object, applied: applied, sent: manifest.json())
                let resized = try await resizedPods(of: object, unlessRolledBy: fields)
                plain[reference] = course.isPlain(manifest) && resized.isEmpty
                if !fields.isEmpty || !resized.isEmpty {
                    difference = ObjectDifference(
                        reference: reference, kind: .change, fields: fields + resized, certainty: .proved)
                }
            case .replace(let object, let since):
                let new = try result(of: reference.onTrial, in: tried)
                difference = ObjectDifference(
                    reference: reference, kind: .replace,
                    fields: Comparison.fields(reference, replaced: object, by: new), certainty: .proved,
                    unchangeable: since)
            }
            plain[reference] = plain[reference] ?? course.isPlain(manifest)
            if let difference { found.append(difference) }
        }
        await survey?.note(plain: plain)
        return found
    }

    private func result(
        of reference: ObjectReference, in tried: [ObjectReference: JSONValue]
    ) throws(KubernetesError) -> JSONValue {
        guard let object = tried[reference] else {
            throw kubectl.unreadable("the dry run's answer lacks the object", for: "compare \(reference)")
        }
        return object
    }

    /// What somebody resized in the pods of a live Deployment; nothing where its pods are to be replaced anyway.
    func resizedPods(
        of object: JSONValue, unlessRolledBy fields: [FieldDifference] = []
    ) async throws(KubernetesError) -> [FieldDifference] {
        guard object["kind"] == "Deployment", let namespace = object["metadata", "namespace"]?.string,
            !fields.contains(where: { $0.path.hasPrefix("spec.template.") })
        else { return [] }
        let resources = ["replicasets.apps", "pods"]
        if let known = await survey?.list(resources, namespace: namespace, labels: [:]) {
            return PodResize.fields(of: object, among: known)
        }
        return PodResize.fields(
            of: object,
            among: try await list(resources, namespace: namespace, options: ["--show-managed-fields"]))
    }

    /// The live objects with their managers, and the namespaces they are in, missing ones left out.
    func liveObjects(
        of desired: [any Manifest], fresh: Bool
    ) async throws(KubernetesError) -> [ObjectReference: JSONValue] {
        var references: [ObjectReference] = []
        for manifest in desired {
            if let namespace = manifest.metadata.namespace {
                references.append(ObjectReference(apiVersion: "v1", kind: "Namespace", name: namespace))
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
        _ courses: [(manifest: any Manifest, course: Course)], _ warned: ((AdmissionWarning) -> Void)?
    ) async throws(KubernetesError) -> [ObjectReference: JSONValue] {
        let trials = courses.compactMap { manifest, course in
            course.trial(of: manifest).map { (manifest.reference, $0) }
        }
        guard !trials.isEmpty else { return [:] }
        let references = trials.map(\.0)
        let input = JSONValue.list(trials.map(\.1)).serialized()
        let attempt = "try to apply \(references.words)"
        let command = ["apply", "--dry-run=server"] + ClusterWriter.serverSide + ["-o", "json", "-f", "-"]
        let result = try await kubectl.run(
            command, for: attempt, input: input, effect: .read,
            outputIsSecret: references.contains { $0.kind == "Secret" })
        if let warned {
            try await warnings(of: result, applying: input, of: references).forEach(warned)
        }
        var applied = try kubectl.parsed(result, of: command, for: attempt).objects.byReference()
        for (manifest, course) in courses {
            guard case .change(_, let contradictions) = course, !contradictions.paths.isEmpty,
                let object = applied[manifest.reference]
            else { continue }
            applied[manifest.reference] = try await dryRun(
                of: contradictions.finished(object, towards: manifest.json()), manifest.reference,
                without: contradictions.paths)
        }
        return applied
    }

    /// What the server makes of an object as applying leaves it once what contradicts its manifest is gone.
    private func dryRun(
        of object: JSONValue, _ reference: ObjectReference, without paths: [[FieldStep]]
    ) async throws(KubernetesError) -> JSONValue? {
        // Without a version kubectl takes the present one: a status that was written meanwhile is no conflict. The annotation
        // of client-side apply is one that kubectl would write anew.
        let annotation = FieldManagers.lastApplied
        let sent = object.setting([.field("metadata"), .field("resourceVersion")], to: nil)
            .setting(annotation[...], to: nil)
        let answer = try await kubectl.json(
            ["replace", "--dry-run=server", "--field-manager=\(ClusterWriter.fieldManager)", "-o", "json", "-f", "-"],
            for: "try to remove \(paths.map(\.words).joined(separator: ", ")) from \(reference)", input: sent.serialized(), effect: .read, outputIsSecret: reference.kind == "Secret")
        guard let kept = object.value(at: annotation) else { return answer }
        return answer?.setting(annotation[...], to: kept)
    }
}

extension Course {
    /// What is sent to the server to be tried; `nil` where nothing can be tried yet.
    ///
    /// What is to replace an object is tried under another name, since the present object is still there.
    fileprivate func trial(of manifest: any Manifest) -> JSONValue? {
        let desired = manifest.json()
        return switch self {
        case .create(.proved): desired
        case .create(.predicted), .wait: nil
        case .change(_, let contradictions): contradictions.trial(of: desired)
        case .replace:
            desired.setting(
                [.field("metadata"), .field("name")], to: .string(manifest.reference.onTrial.name))
        }
    }
}

extension ObjectReference {
    /// The same object under a name that nothing has.
    fileprivate var onTrial: ObjectReference {
        ObjectReference(
            apiVersion: apiVersion, kind: kind, namespace: namespace, name: "\(name.prefix(40))-keybuzz-runner-trial")
    }
}

extension ObjectDifference {
    fileprivate init(creating reference: ObjectReference, after deletion: Deletion) {
        let isItself = deletion.reference == reference
        let what = isItself ? "the present one" : "\(deletion.reference)"
        self.init(
            reference: reference, kind: .create, certainty: .predicted("\(what) is being deleted and not yet gone"),
            waitsUntil: "\(what), which is being deleted, is gone\(deletion.heldBy)")
    }
}

extension [JSONValue] {
    func byReference() -> [ObjectReference: JSONValue] {
        Dictionary(compactMap { object in object.reference.map { ($0, object) } }) { first, _ in first }
    }
}
