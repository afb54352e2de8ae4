public import Kubernetes

/// A step that owns cluster objects, perhaps besides other things.
public protocol ObjectOwner: Step {
    /// The objects as they shall be; check, apply and verify all derive from it.
    func desired(_ site: SiteReader) async throws -> [any Manifest]
}

/// A step that only owns cluster objects: its desired state is all it needs to say.
public protocol ObjectStep: ObjectOwner {}

extension ObjectStep {
    /// Compares the cluster with the desired objects.
    public func check(_ site: SiteReader) async throws -> Finding {
        Finding(changes: try await site.changes(towards: desired(site)))
    }

    /// Applies the desired objects.
    public func apply(_ changes: [Change], to site: SiteWriter) async throws {
        try await site.apply(desired(site.reader))
    }

    /// Proves that the cluster now holds the desired objects.
    public func verify(_ site: SiteReader) async throws {
        try await site.cluster.prove(desired(site))
    }
}

extension SiteWriter {
    /// Applies what `desired` says to the cluster's objects; waits are reported.
    public func apply(_ desired: [any Manifest]) async throws {
        try await cluster.apply(desired, telling: { reader.reporter.says($0, left: $1) })
    }
}

extension ClusterReader {
    /// Throws unless the cluster holds `desired`, naming what still differs.
    ///
    /// Looks again for some seconds: a comparison is a read and a dry run, and between the two a controller may write what
    /// belongs to a new object, such as a Deployment's revision.
    public func prove(_ desired: [any Manifest]) async throws {
        var missing: [Change] = []
        let isProved = try await poll(within: .seconds(10)) { _ in
            missing = try await compare(desired).flatMap(\.changes)
            return missing.isEmpty
        }
        guard isProved else {
            throw StepFailure(
                "verify that the applied objects are in place", host: hostName,
                cause: "the API server accepted them, but now shows: \(missing.map(\.summary).joined(separator: "; "))",
                remedy: "something else changes these objects at the same time: find it by the field manager's name")
        }
    }
}
