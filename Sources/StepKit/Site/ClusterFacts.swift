public import Kubernetes

/// What was asked of the cluster and need not be asked twice in a run.
public actor ClusterFacts {
    private var version: ServerVersion?
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
}
