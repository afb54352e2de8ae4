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

    static func reference(_ site: ReadableSite) -> ObjectReference {
        ObjectReference(
            apiVersion: "v1", kind: "ConfigMap", namespace: site.inventory.chatwoot.namespace,
            name: ChatwootNames.schemaRecord)
    }
}
