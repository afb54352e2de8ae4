import ClientKit

extension ClusterReader {
    /// What the lease of `module` says; `nil` where nobody ever held it.
    public func lease(ofModule module: String) async throws(KubernetesError) -> LeaseRecord? {
        try await get(ModuleLease.reference(module)).flatMap { LeaseRecord($0) }
    }
}
