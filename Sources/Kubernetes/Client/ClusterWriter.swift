public import ClientKit
public import SSH

/// The cluster as a step's apply sees it: everything a ``ClusterReader`` can, and changes.
public struct ClusterWriter: Sendable {
    /// Who the API server records as the manager of our fields.
    public static let fieldManager = "keybuzz-runner"

    /// The reading half.
    public private(set) var reader: ClusterReader

    /// Writes through kubectl on the host of `shell`, with the kubeconfig at `kubeconfig` there.
    public init(shell: any RemoteShell, kubeconfig: String, requestTimeout: TimeLimit) {
        reader = ClusterReader(shell: shell, kubeconfig: kubeconfig, requestTimeout: requestTimeout)
    }

    /// The same writer, whose reader answers from `survey` where that covers the question.
    public func answering(from survey: ClusterSurvey) -> ClusterWriter {
        var writer = self
        writer.reader = reader.answering(from: survey)
        return writer
    }

    /// The same writer for commands of one request each, which may take `limit` at most; `margin` is
    /// for the start of kubectl.
    public func quick(_ limit: Duration, margin: Duration) -> ClusterWriter {
        var writer = self
        writer.reader.kubectl = reader.kubectl.quick(limit, margin: margin)
        return writer
    }

    /// Applies `manifests` with one server-side apply, taking over fields that others manage.
    ///
    /// Fields that were applied earlier and are no longer sent are removed, except for
    /// ``DelegatedFields``, and so is what contradicts the manifests; other fields that were never
    /// sent keep their values. Objects that cannot be changed in place are deleted first. Waits at
    /// most `limit` for objects that are being deleted, and reports that to `telling`. The answer
    /// never contains the objects themselves, so that no Secret is sent back. Throws
    /// ``KubernetesError``, or `CancellationError` where the task is cancelled.
    @discardableResult
    public func apply(
        _ manifests: [any Manifest], within limit: TimeLimit = .seconds(180),
        telling: (String, Duration?) -> Void = { _, _ in }
    ) async throws -> [AppliedObject] {
        guard !manifests.isEmpty else { return [] }
        var resized = try await prepare(manifests, within: limit, telling: telling)
        let applied: [AppliedObject]
        do {
            applied = try await applyNow(manifests)
        } catch {
            let refused = ImmutableFields.reported(by: error, among: manifests)
            guard !refused.isEmpty else { throw error }
            resized = try await prepare(
                manifests, refused: refused, within: limit, telling: telling)
            applied = try await applyNow(manifests)
        }
        try await restart(resized)
        return applied
    }

    private func applyNow(
        _ manifests: [any Manifest]
    ) async throws(KubernetesError) -> [AppliedObject] {
        let result = try await reader.kubectl.run(
            ["apply"] + Self.serverSide + [
                "-o", "go-template=\(AppliedObject.template)", "-f", "-",
            ],
            for: "apply \(manifests.map(\.reference).summary)", input: manifests.standardInput(),
            effect: .change)
        return result.outputText.split(separator: "\n").compactMap(AppliedObject.init)
    }

    /// Creates an object that must not exist yet.
    ///
    /// Where it does, the error's ``KubernetesError/serverReason`` is `alreadyExists`.
    @discardableResult
    public func create(_ manifest: any Manifest) async throws(KubernetesError) -> JSONValue {
        try await write(manifest.json(), as: manifest.reference, with: "create")
    }

    /// Replaces an object unless it changed since `resourceVersion`, in which case the error's
    /// reason is `conflict`.
    ///
    /// For kinds that a replacement may create, such as Lease, `uid` makes a deleted object a
    /// conflict too.
    @discardableResult
    public func replace(
        _ manifest: any Manifest, resourceVersion: String, uid: String? = nil
    ) async throws(KubernetesError) -> JSONValue {
        var object = manifest.json().members
        var metadata = object["metadata"]?.members ?? [:]
        metadata["resourceVersion"] = .string(resourceVersion)
        if let uid { metadata["uid"] = .string(uid) }
        object["metadata"] = .object(metadata)
        return try await write(.object(object), as: manifest.reference, with: "replace")
    }

    /// Sets an annotation of an existing Deployment, or removes it where `value` is `nil`.
    public func annotate(
        deployment: String, namespace: String, key: String, value: String?
    ) async throws(KubernetesError) {
        _ = try await reader.kubectl.run(
            ["annotate", "--overwrite", "--namespace", namespace, "deployment/\(deployment)"]
                + [value.map { "\(key)=\($0)" } ?? "\(key)-"],
            for: "annotate Deployment \(namespace)/\(deployment) with \(key)", effect: .change)
    }

    /// Sets the number of replicas of existing Deployments.
    public func scale(
        _ deployments: [String], namespace: String, to replicas: Int
    ) async throws(KubernetesError) {
        guard !deployments.isEmpty else { return }
        _ = try await reader.kubectl.run(
            ["scale", "--namespace", namespace, "--replicas=\(replicas)"]
                + deployments.map { "deployment/\($0)" },
            for: "scale \(deployments.joined(separator: ", ")) in \(namespace) to \(replicas)",
            effect: .change)
    }

    static let serverSide = [
        "--server-side", "--force-conflicts", "--field-manager=\(fieldManager)",
    ]

    /// A dry run of the apply, without its output.
    ///
    /// A server-side apply refuses unknown fields by itself; to validate them too, kubectl would read and parse the API
    /// server's whole OpenAPI document.
    static let dryRun = ["apply", "--dry-run=server", "--validate=false"] + serverSide

    private func write(
        _ object: JSONValue, as reference: ObjectReference, with verb: String
    ) async throws(KubernetesError) -> JSONValue {
        let attempt = "\(verb) \(reference)"
        // To validate an object, each kubectl reads and parses the API server's whole OpenAPI document: 0.25 s of processor
        // time on the master. A Lease is written in every run and has this program's own fields.
        let isLease = reference.kind == "Lease"
        let command =
            [verb] + (isLease ? ["--validate=false"] : [])
            + ["--field-manager=\(Self.fieldManager)", "-o", "json", "--show-managed-fields", "-f", "-"]
        // A Lease is compared and swapped by the API server, so that it needs no lock of the host. Were
        // it to wait for the change that holds that one, the term would run out first.
        guard
            let answer = try await reader.kubectl.json(
                command, for: attempt, input: object.serialized(), effect: .change,
                outputIsSecret: reference.kind == "Secret",
                isExclusive: !isLease)
        else {
            throw reader.kubectl.unreadable("kubectl printed nothing", to: command, for: attempt)
        }
        return answer
    }
}

/// What the API server says about an object that was applied.
public struct AppliedObject: Sendable, Hashable {
    /// The kind.
    public let kind: String
    /// The namespace; `nil` for a cluster-scoped object.
    public let namespace: String?
    /// The name.
    public let name: String
    /// Changes whenever the object changes, and only then.
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
