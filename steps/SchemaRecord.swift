import Kubernetes
import StepKit

/// What is recorded in the cluster about the last migration: the image, and what the database held after it.
struct SchemaRecord {
    let data: [String: String]
    let manifest: any Manifest

    init(_ schema: ChatwootSchema, _ site: ReadableSite) {
        data = [
            "image": site.inventory.chatwoot.image.description, "migrations": String(schema.migrations),
            "newest": schema.newest,
        ]
        manifest = ConfigMap(metadata: .chatwoot(ChatwootNames.schemaRecord, in: site), data: data)
    }

    /// The record as the cluster holds it; `nil` where it holds none, or one that says something else.
    func recorded(_ site: ReadableSite) async throws -> JSONValue? {
        let live = try await site.cluster.get(Self.reference(site))
        return live?["data"]?.strings == data ? live : nil
    }

    /// Whether the cluster holds the record as it shall be; read without a dry run, for the many runs that find it so.
    func isInPlace(_ site: ReadableSite) async throws -> Bool {
        let labels = try await recorded(site)?["metadata", "labels"]?.strings
        return labels.map { own in manifest.metadata.labels?.allSatisfy { own[$0.key] == $0.value } == true } ?? false
    }

    private static func reference(_ site: ReadableSite) -> ObjectReference {
        ObjectReference(
            apiVersion: "v1", kind: "ConfigMap", namespace: site.inventory.chatwoot.namespace,
            name: ChatwootNames.schemaRecord)
    }
}
