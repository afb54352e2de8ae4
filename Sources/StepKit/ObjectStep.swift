public import Kubernetes

/// A step that owns cluster objects, perhaps besides other things.
public protocol ObjectOwner: Step {
    /// The objects as they shall be; check, apply and verify all derive from it.
    func desired(_ site: ReadableSite) async throws -> [any Manifest]
}

/// A step that only owns cluster objects: its desired state is all it needs to say.
public protocol ObjectStep: ObjectOwner {}

extension ObjectStep {
    /// Compares the cluster with the desired objects.
    public func check(_ site: ReadableSite) async throws -> Finding {
        Finding(changes: try await site.changes(towards: desired(site)))
    }

    /// Applies the desired objects.
    public func apply(_ changes: [Change], to site: WritableSite) async throws {
        try await site.cluster.apply(desired(site.reading))
    }

    /// Proves that the cluster now holds the desired objects.
    public func verify(_ site: ReadableSite) async throws {
        try await site.cluster.prove(desired(site))
    }
}

extension ClusterReader {
    /// Throws unless the cluster holds `desired`, naming what still differs.
    public func prove(_ desired: [any Manifest]) async throws {
        let missing = try await compare(desired).flatMap(\.changes)
        guard missing.isEmpty else {
            throw StepFailure(
                "prove that the applied objects are in place", host: hostName,
                cause: "the API server accepted them, and now shows: \(missing.map(\.summary).joined(separator: "; "))",
                remedy: "something else changes these objects at the same time: find it by the field manager's name")
        }
    }
}
