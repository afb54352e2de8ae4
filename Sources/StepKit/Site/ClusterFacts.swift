import Kubernetes

/// What never changes during a run and need not be asked twice.
public actor ClusterFacts {
    private var version: ServerVersion?

    /// Knows nothing yet.
    public init() {}

    func serverVersion(_ cluster: ClusterReader) async throws -> ServerVersion {
        if let version { return version }
        let asked = try await cluster.serverVersion()
        version = asked
        return asked
    }
}
