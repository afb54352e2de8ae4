import ClientKit
import Foundation
import Kubernetes
import Postgres
import Redis
import SSH
import TestSupport
import Testing

@testable import StepKit
@testable import Steps

/// The shipped inventory with sample credentials, and a site that may not be asked anything.
enum SiteSample {
    /// The shipped inventory with each `old` text, which must occur exactly once, replaced by its `new`.
    static func inventory(_ changes: [(old: String, new: String)] = []) throws -> Inventory {
        try Shipped.inventory(changes, for: [module11])
    }

    static func credentials(
        redis: String = "R3dis", token: String = "ghp_token", minio: Bool = false, extra: [String: Secret] = [:]
    ) -> Credentials {
        Credentials(
            postgres: PostgresCredentials(user: "kb_admin", password: Secret("AdminPass"), host: nil, port: nil),
            redis: RedisCredentials(password: Secret(redis), host: nil, port: nil),
            registry: RegistryCredentials(username: "keybuzz", token: Secret(token)),
            objectStorage: minio
                ? ObjectStorageCredentials(endpoint: nil, accessKey: "minio-access", secretKey: Secret("minio-secret"))
                : nil,
            variables: [CredentialsFile.chatwootExtra.name: extra])
    }

    static func readable(
        _ inventory: Inventory, _ credentials: Credentials = credentials(), shell: any RemoteShell = ForbiddenShell()
    ) -> SiteReader {
        let node = NodeReader(name: shell.hostName, address: "10.0.0.100", shell: shell)
        return SiteReader(
            module: module11, inventory: inventory, credentials: credentials,
            cluster: ClusterReader(
                shell: shell, kubeconfig: inventory.cluster.kubeconfig, requestTimeout: .seconds(15)), master: node,
            nodes: [node],
            absentNodes: [], services: ForbiddenServices(),
            generated: GeneratedSecretsStore(directory: CredentialsDirectory(path: "/nowhere"), filed: [:]) { _ in },
            prefetch: Prefetch(), reporter: Reporter(progress: { _ in }, warning: { _ in }))
    }
}

extension GeneratedSecrets {
    /// These two.
    init(databasePassword: Secret, secretKeyBase: Secret) {
        self.init([.databasePassword: databasePassword, .secretKeyBase: secretKeyBase])
    }

    /// Two that nobody uses.
    static func standIn() -> GeneratedSecrets { .standIn(for: GeneratedSecret.chatwoot) }
}

/// A manifest as the API server gets it.
func json(_ manifest: any Manifest) throws -> Kubernetes.JSONValue {
    try Kubernetes.JSONValue(parsing: [UInt8](JSONEncoder().encode(manifest)))
}

extension [any Manifest] {
    /// The one manifest of this kind and name, as the API server gets it.
    func object(_ kind: String, _ name: String) throws -> Kubernetes.JSONValue {
        let found = filter { $0.kind == kind && $0.metadata.name == name }
        try #require(found.count == 1, "\(kind) \(name)")
        return try json(found[0])
    }
}
