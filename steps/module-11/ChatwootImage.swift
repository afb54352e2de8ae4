import Kubernetes
import StepKit

extension SiteReader {
    /// Chatwoot's image with its digest; if the registry cannot be reached, the cluster may know it
    /// from an earlier run.
    func chatwootImage() async throws -> ResolvedImage {
        try await resolve(.chatwoot(inventory)) { try await KnownImage(self).digest() }
    }

    /// Warns if the tag was not looked up, since an image pushed again would go unnoticed.
    func warnOfUnseenTag() async throws {
        let image = try await chatwootImage()
        guard image.source == .cluster else { return }
        reporter.warns("\(image) could not be looked up: the run uses \(image.digest), which the cluster has")
    }
}

/// What the cluster knows about the image that the inventory's reference resolves to.
struct KnownImage {
    private let site: SiteReader

    init(_ site: SiteReader) {
        self.site = site
    }

    /// The digest that the cluster has for the inventory's image; `nil` if it has none.
    func digest() async throws -> String? {
        let reference = site.inventory.chatwoot.image
        let objects = try await site.cluster.list(
            ["deployments.apps", "pods", "configmaps"], namespace: site.inventory.chatwoot.namespace)
        return Self.digest(of: reference, in: objects)
    }

    /// The digest that Deployments, running pods or the record of the last migration name for
    /// `reference`, in this order.
    static func digest(of reference: ImageReference, in objects: [JSONValue]) -> String? {
        let deployments = objects.filter {
            $0.isObject("Deployment", ChatwootNames.web) || $0.isObject("Deployment", ChatwootNames.worker)
        }
        let named = deployments.flatMap(\.images).compactMap { ImageReference($0) }
            .filter { $0.digest.map(reference.pinned) == $0.description }.compactMap(\.digest)
        if let digest = named.first { return digest }
        let pulled = Self.pulled(reference, in: objects)
        if pulled.count == 1 { return pulled.first }
        let record = objects.first { $0.isObject("ConfigMap", ChatwootNames.schemaRecord) }?["data"]?.strings ?? [:]
        return record["image"] == reference.description ? record["digest"] : nil
    }

    /// The digests that nodes pulled for `reference`, according to the statuses of web and worker
    /// pods.
    static func pulled(_ reference: ImageReference, in objects: [JSONValue]) -> Set<String> {
        let containers = objects.filter(\.isLivePod).flatMap { pod in
            let wanted = (pod["spec", "containers"]?.elements ?? []).filter {
                $0["image"]?.string == reference.description
            }.compactMap { $0["name"]?.string }
            return (pod["status", "containerStatuses"]?.elements ?? []).filter {
                wanted.contains($0["name"]?.string ?? "")
            }
        }
        // With Docker it is prefixed with `docker-pullable://`; an image that was only loaded has
        // the bare digest of its configuration.
        return Set(
            containers.compactMap { $0["imageID"]?.string?.split(separator: "@").dropFirst().last.map(String.init) }
                .filter(ImageReference.isDigest))
    }
}
