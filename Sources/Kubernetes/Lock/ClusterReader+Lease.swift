import ClientKit

/// What a module's lease said at one moment: taking it later tells whether anybody had it in between.
public struct LeaseObservation: Sendable {
    let record: LeaseRecord?
}

extension ClusterReader {
    /// Looks at the lease of `module`, so that what is read after this still holds when the lease is taken undisturbed.
    public func observeLease(ofModule module: String) async throws(KubernetesError) -> LeaseObservation {
        LeaseObservation(record: try await lease(ofModule: module))
    }

    /// What the lease of `module` says; `nil` where nobody ever held it.
    public func lease(ofModule module: String) async throws(KubernetesError) -> LeaseRecord? {
        try await get(ModuleLease.reference(module)).flatMap { LeaseRecord($0) }
    }
}
