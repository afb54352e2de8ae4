import Kubernetes

/// What was asked of the cluster and need not be asked twice in a run.
public actor ClusterFacts {
    private var version: ServerVersion?
    let lookAhead = LookAhead()

    /// Knows nothing yet.
    public init() {}

    func serverVersion(_ cluster: ClusterReader) async throws -> ServerVersion {
        if let version { return version }
        let asked = try await cluster.serverVersion()
        version = asked
        return asked
    }
}
