import ClientKit
public import Kubernetes

/// A step that owns cluster objects, possibly among other things.
public protocol ObjectOwner: Step {
    /// The desired objects; check, apply and verify all derive from them.
    func desired(_ site: SiteReader) async throws -> [any Manifest]
}

/// A step that only owns cluster objects: it needs only their desired state.
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

    /// Verifies that the cluster now has the desired objects.
    public func verify(_ site: SiteReader) async throws {
        try await site.prove(desired(site))
    }
}

extension SiteWriter {
    /// Applies `desired` to the cluster, and reports what it waits for.
    public func apply(_ desired: [any Manifest]) async throws {
        try await cluster.apply(
            desired, within: reader.inventory.limits.rollout, telling: { reader.reporter.says($0, left: $1) })
    }
}

extension SiteReader {
    /// Throws unless the cluster has the objects in `desired`, naming what still differs.
    ///
    /// Compares repeatedly for some seconds: a comparison is a read and a dry run, and between the
    /// two a controller may write to a new object, such as a Deployment's revision.
    public func prove(_ desired: [any Manifest]) async throws {
        var missing: [Change] = []
        let limit = inventory.limits.service
        let isProved = try await poll(within: limit.duration) { _ in
            missing = try await cluster.compare(desired).flatMap(\.changes)
            return missing.isEmpty
        }
        guard isProved else {
            throw StepFailure(
                "verify that the applied objects are in place", host: cluster.hostName,
                cause:
                    "the API server accepted them, but shows, also after \(limit.inWords): \(missing.map(\.summary).joined(separator: "; "))",
                remedy: "find out what else changes these objects at the same time, by the field manager's name")
        }
    }
}
