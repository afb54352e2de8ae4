import ClientKit

extension ClusterReader {
    /// Observes the lease of `module`: what is read afterwards is still valid if the lease is then
    /// acquired undisturbed.
    public func observeLease(
        ofModule module: String
    ) async throws(KubernetesError) -> LeaseObservation {
        LeaseObservation(record: try await lease(ofModule: module))
    }

    /// The lease of `module`; `nil` if it was never held.
    public func lease(ofModule module: String) async throws(KubernetesError) -> LeaseRecord? {
        try await get(Lease.reference(forModule: module)).flatMap { LeaseRecord($0) }
    }
}
