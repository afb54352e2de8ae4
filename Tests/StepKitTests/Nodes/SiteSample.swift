import ClientKit
import Kubernetes
import Postgres
import Redis
import SSH
import TestSupport
import Testing

@testable import StepKit
@testable import Steps

/// A site whose only master is `shell`; its databases may not be asked.
enum SiteSample {
    static func readable(
        _ inventory: Inventory, of module: StepKit.Module = .sample, registry: RegistryCredentials,
        shell: any RemoteShell,
        warn: @escaping @Sendable (String) -> Void
    ) -> SiteReader {
        let node = NodeReader(name: "k8s-master-01", address: "127.0.0.1", shell: shell)
        let credentials = Credentials(
            postgres: PostgresCredentials(user: "kb_admin", password: Secret("unused"), host: nil, port: nil),
            redis: RedisCredentials(password: Secret("unused"), host: nil, port: nil), registry: registry,
            objectStorage: nil)
        return SiteReader(
            module: module, inventory: inventory, credentials: credentials,
            cluster: ClusterReader(
                shell: shell, kubeconfig: inventory.cluster.kubeconfig, requestTimeout: .seconds(15)), master: node,
            nodes: [node],
            absentNodes: [], services: ForbiddenServices(),
            generated: GeneratedSecretsStore(directory: CredentialsDirectory(path: "/nowhere"), filed: [:]) { _ in },
            prefetch: Prefetch(), reporter: Reporter(progress: { _ in }, warning: { warn($0.text) }))
    }
}

extension StepKit.Module {
    /// A module without steps.
    static let sample = StepKit.Module(
        number: 12, summary: "a sample",
        application: { inventory in
            Application(
                namespace: inventory.chatwoot.namespace,
                images: [Application.Image(inventory.chatwoot.image, key: "chatwoot.image")])
        },
        steps: [], orderNote: "none", preflight: { _ in [] },
        diagnose: { _ in [] }, evidence: { _ in [] })
}
