import ClientKit
import Foundation
import Kubernetes
import StepKit

/// Creates the Secret with which the nodes pull the application's images, and verifies that the
/// registry accepts its credentials before any pod starts.
///
/// The old script patched it into running Deployments; here they have it from the start.
struct AddImagePullSecrets: ObjectStep, NamedStep {
    static let id: StepID = "add_imagepullsecrets"
    let summary = "Secret for the image's registry, accepted by it"

    func desired(_ site: SiteReader) async throws -> [any Manifest] {
        let credentials = site.credentials.registry
        let token = Data("\(credentials.username):\(credentials.token.reveal())".utf8).base64EncodedString()
        let entry = [
            "username": credentials.username, "password": credentials.token.reveal(), "auth": token,
        ]
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let configuration = try encoder.encode([
            "auths": [ImageReference.credentialsKey(ofRegistry: site.inventory.registry.server): entry]
        ])
        return [
            SecretObject(
                metadata: ObjectMeta(
                    name: site.inventory.registry.secretName, namespace: site.application.namespace,
                    labels: site.application.labels),
                type: "kubernetes.io/dockerconfigjson",
                data: [".dockerconfigjson": Secret(String(decoding: configuration, as: UTF8.self))])
        ]
    }

    func verify(_ site: SiteReader) async throws {
        try await site.prove(desired(site))
        try await site.requireImages()
    }
}
