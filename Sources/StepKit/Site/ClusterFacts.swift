public import Kubernetes

/// What was asked of the cluster and of the image's registry and need not be asked twice in a run.
public actor ClusterFacts {
    private var version: ServerVersion?
    private var registry: Task<RegistryProof.Answer, any Error>?
    /// The image that the inventory wants, once it is known by its digest.
    private(set) var image: ResolvedImage?
    let lookAhead = LookAhead()

    /// Knows nothing yet.
    public init() {}

    /// Everything of the module's namespace, as far as it was looked at before the first step.
    public nonisolated var clusterSurvey: ClusterSurvey { lookAhead.cluster }

    /// What was seen of the node called `name` before the first step.
    public func survey(ofNode name: String) async -> NodeSurvey { await lookAhead.survey(ofNode: name) }

    /// Forgets what was seen before the first step, since something changed.
    public func forgetLookAhead() async { await lookAhead.forget() }

    func serverVersion(_ cluster: ClusterReader) async throws -> ServerVersion {
        if let version { return version }
        let asked = try await cluster.serverVersion()
        version = asked
        return asked
    }

    func remember(_ image: ResolvedImage) { self.image = image }

    /// The registry's answer; what fails is not kept.
    func registryAnswer(
        _ ask: @escaping @Sendable () async throws -> RegistryProof.Answer
    ) async throws -> RegistryProof.Answer {
        let asking = registry ?? Task { try await ask() }
        registry = asking
        do {
            return try await withTaskCancellationHandler {
                try await asking.value
            } onCancel: {
                asking.cancel()
            }
        } catch {
            if registry == asking { registry = nil }
            throw error
        }
    }
}
