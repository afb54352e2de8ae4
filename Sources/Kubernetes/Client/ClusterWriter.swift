import ClientKit
public import SSH

/// The cluster as a step's apply sees it: everything a ``ClusterReader`` can, and changes.
public struct ClusterWriter: Sendable {
    /// Who the API server records as the manager of our fields.
    public static let fieldManager = "keybuzz-runner"

    /// The reading half.
    public private(set) var reader: ClusterReader

    /// Writes through kubectl on the host of `shell`, with the kubeconfig at `kubeconfig` there.
    public init(shell: any RemoteShell, kubeconfig: String, requestTimeout: Duration = .seconds(15)) {
        reader = ClusterReader(shell: shell, kubeconfig: kubeconfig, requestTimeout: requestTimeout)
    }

    /// The same writer, whose reader answers from `survey` what that covers.
    public func answering(from survey: ClusterSurvey) -> ClusterWriter {
        var writer = self
        writer.reader = reader.answering(from: survey)
        return writer
    }

    /// Brings objects to what `manifests` say with one server-side apply, taking over fields that others manage.
    ///
    /// Fields applied earlier and no longer sent are removed, but for ``LeftFields``, and so is what contradicts the
    /// manifests; other fields never sent stay as they are. What cannot be changed in place is deleted first, and what is being deleted is waited for, at
    /// most for `limit`, which `telling` hears of. The answer never holds the objects' contents, so that no Secret comes back
    /// over the wire. Throws ``KubernetesError``, or `CancellationError` where the task is cancelled.
    @discardableResult
    public func apply(
        _ manifests: [any Manifest], within limit: Duration = .seconds(180),
        telling: (String, Duration?) -> Void = { _, _ in }
    ) async throws -> [AppliedObject] {
        guard !manifests.isEmpty else { return [] }
        var resized = try await prepare(manifests, within: limit, telling: telling)
        let applied: [AppliedObject]
        do {
            applied = try await applyNow(manifests)
        } catch {
            let refused = ImmutableFields.named(in: error, among: manifests)
            guard !refused.isEmpty else { throw error }
            resized = try await prepare(manifests, refused: refused, within: limit, telling: telling)
            applied = try await applyNow(manifests)
        }
        try await restart(resized)
        return applied
    }

    private func applyNow(_ manifests: [any Manifest]) async throws(KubernetesError) -> [AppliedObject] {
        let result = try await reader.kubectl.run(
            "apply \(manifests.map(\.reference).words)",
            ["apply"] + Self.serverSide + ["-o", "go-template=\(AppliedObject.template)", "-f", "-"],
            input: manifests.standardInput(), effect: .change)
        return result.outputText.split(separator: "\n").compactMap(AppliedObject.init)
    }

    /// Creates an object that must not exist yet; where it does, the error's ``KubernetesError/serverReason`` is `alreadyExists`.
    @discardableResult
    public func create(_ manifest: any Manifest) async throws(KubernetesError) -> JSONValue {
        try await write("create", manifest.reference, manifest.json())
    }

    /// Replaces an object as it was at `resourceVersion`; where it changed since, the error's reason is `conflict`.
    ///
    /// For kinds that a replacement may create, such as Lease, `uid` makes a deleted object a conflict too.
    @discardableResult
    public func replace(
        _ manifest: any Manifest, resourceVersion: String, uid: String? = nil
    ) async throws(KubernetesError) -> JSONValue {
        var object = manifest.json().members
        var metadata = object["metadata"]?.members ?? [:]
        metadata["resourceVersion"] = .string(resourceVersion)
        if let uid { metadata["uid"] = .string(uid) }
        object["metadata"] = .object(metadata)
        return try await write("replace", manifest.reference, .object(object))
    }

    /// Deletes objects and, in the background, what they own; answers which of them existed.
    @discardableResult
    public func delete(_ references: [ObjectReference]) async throws(KubernetesError) -> [String] {
        guard !references.isEmpty else { return [] }
        // Without --wait=false kubectl would block until finalizers are done, unseen; callers poll and say what they see.
        let result = try await reader.kubectl.run(
            "delete \(references.words)",
            ["delete", "--ignore-not-found", "--wait=false", "--cascade=background", "-o", "name", "-f", "-"],
            input: JSONValue.list(references.map(\.stub)).serialized(), effect: .change)
        return result.outputText.split(separator: "\n").map(String.init)
    }

    /// Sets an annotation of a Deployment, which must exist, or removes it with `nil`.
    public func annotate(
        deployment: String, namespace: String, _ key: String, _ value: String?
    ) async throws(KubernetesError) {
        _ = try await reader.kubectl.run(
            "annotate Deployment \(namespace)/\(deployment) with \(key)",
            ["annotate", "--overwrite", "--namespace", namespace, "deployment/\(deployment)"]
                + [value.map { "\(key)=\($0)" } ?? "\(key)-"],
            effect: .change)
    }

    /// Sets how many pods each of the Deployments shall have, all of which must exist, and leaves the rest of them as it is.
    public func scale(_ deployments: [String], namespace: String, to replicas: Int) async throws(KubernetesError) {
        guard !deployments.isEmpty else { return }
        _ = try await reader.kubectl.run(
            "scale \(deployments.joined(separator: ", ")) in \(namespace) to \(replicas)",
            ["scale", "--namespace", namespace, "--replicas=\(replicas)"] + deployments.map { "deployment/\($0)" },
            effect: .change)
    }

    static let serverSide = ["--server-side", "--force-conflicts", "--field-manager=\(fieldManager)"]

    private func write(
        _ verb: String, _ reference: ObjectReference, _ object: JSONValue
    ) async throws(KubernetesError) -> JSONValue {
        let attempt = "\(verb) \(reference)"
        let command = [verb, "--field-manager=\(Self.fieldManager)", "-o", "json", "--show-managed-fields", "-f", "-"]
        guard
            let answer = try await reader.kubectl.json(
                attempt, command, input: object.serialized(), effect: .change,
                outputIsSecret: reference.kind == "Secret")
        else { throw reader.kubectl.unreadable(attempt, command, "kubectl said nothing") }
        return answer
    }
}

/// What the API server says about an object that was applied.
public struct AppliedObject: Sendable, Hashable {
    /// The kind.
    public let kind: String
    /// The namespace; `nil` for an object of the cluster.
    public let namespace: String?
    /// The name.
    public let name: String
    /// Changes with every change of the object, and only then.
    public let resourceVersion: String

    /// One line a field set, for one object as well as for a `List`.
    static let template = """
        {{define "o"}}{{.kind}}{{"\\t"}}{{with .metadata.namespace}}{{.}}{{end}}{{"\\t"}}{{.metadata.name}}\
        {{"\\t"}}{{.metadata.resourceVersion}}{{"\\n"}}{{end}}\
        {{if .items}}{{range .items}}{{template "o" .}}{{end}}{{else}}{{template "o" .}}{{end}}
        """

    init?(_ line: Substring) {
        let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        guard fields.count == 4 else { return nil }
        kind = fields[0]
        namespace = fields[1].isEmpty ? nil : fields[1]
        name = fields[2]
        resourceVersion = fields[3]
    }
}
