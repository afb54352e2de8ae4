import Kubernetes
import StepKit

/// The record in the cluster about the last migration: the image with its digest, and the contents
/// of the database after it.
struct SchemaRecord {
    let image: ResolvedImage
    let data: [String: String]
    let manifest: any Manifest

    /// Which image migrated the database according to the record, compared with the wanted one.
    enum Author: Sendable, Hashable {
        /// The wanted image.
        case wanted
        /// Another one; with the end of a sentence that names it.
        case other(String)
        /// Unknown: there is no record, or it does not name an image.
        case unknown
    }

    init(_ state: DatabaseState, on site: SiteReader) async throws {
        guard let migrations = state.migrations else { throw state.failureToRead(site) }
        image = try await site.chatwootImage()
        data = [
            "image": image.description, "digest": image.digest, "migrations": String(migrations.count),
            "newest": migrations.newest,
        ]
        manifest = ConfigMap(metadata: .chatwoot(ChatwootNames.schemaRecord, in: site), data: data)
    }

    /// Whether the cluster has the right record; checked without a dry run, since it is in place in
    /// most runs.
    func isInPlace(_ site: SiteReader) async throws -> Bool {
        guard let live = try await live(site), live["data"]?.strings == data else { return false }
        let labels = live["metadata", "labels"]?.strings ?? [:]
        return manifest.metadata.labels?.allSatisfy { labels[$0.key] == $0.value } ?? true
    }

    /// Which image migrated the database, whether its contents are still as recorded then, and the record's version in the
    /// cluster.
    func found(_ site: SiteReader) async throws -> (author: Author, isUnchanged: Bool, version: String?) {
        let live = try await live(site)
        let version = live?["metadata", "resourceVersion"]?.string
        guard let record = live?["data"]?.strings else { return (.unknown, false, version) }
        var pulled: Set<String> = []
        if record["digest"] == nil, record["image"] == image.description {
            let namespace = site.inventory.chatwoot.namespace
            pulled = KnownImage.pulled(image.reference, in: try await site.cluster.list(["pods"], namespace: namespace))
        }
        let isUnchanged = ["migrations", "newest"].allSatisfy { record[$0] == data[$0] }
        return (Self.author(of: record, wanted: image, pulled: pulled), isUnchanged, version)
    }

    /// Which image migrated the database according to `record`.
    ///
    /// Records of earlier versions have no digest: for these, the digests that nodes `pulled` for
    /// the image count.
    static func author(of record: [String: String], wanted: ResolvedImage, pulled: Set<String>) -> Author {
        guard let recorded = record["image"] else { return .unknown }
        let digest = record["digest"] ?? (pulled.count == 1 ? pulled.first : nil)
        if digest == wanted.digest { return .wanted }
        guard recorded == wanted.description else { return .other("\(recorded) has migrated it so far") }
        guard let digest else { return pulled.isEmpty ? .unknown : .other("pods run several images of this name") }
        return .other("\(recorded) was pushed again: \(shown(digest)) → \(shown(wanted.digest))")
    }

    private static func shown(_ digest: String) -> String { "sha256:\(ResolvedImage.short(digest))" }

    private func live(_ site: SiteReader) async throws -> JSONValue? {
        try await site.cluster.get(
            ObjectReference(
                apiVersion: "v1", kind: "ConfigMap", namespace: site.inventory.chatwoot.namespace,
                name: ChatwootNames.schemaRecord))
    }
}
