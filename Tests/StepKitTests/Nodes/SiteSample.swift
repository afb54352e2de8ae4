import ClientKit
import Kubernetes
import Postgres
import Redis
import SSH
import Testing

@testable import StepKit
@testable import Steps

/// A site whose only master is `shell`; its databases may not be asked.
enum SiteSample {
    static func readable(
        _ inventory: Inventory, registry: RegistryCredentials, shell: any RemoteShell,
        warn: @escaping @Sendable (String) -> Void
    ) -> SiteReader {
        let node = NodeReader(name: "k8s-master-01", address: "127.0.0.1", shell: shell)
        let credentials = Credentials(
            postgres: PostgresCredentials(user: "kb_admin", password: Secret("unused"), host: nil, port: nil),
            redis: RedisCredentials(password: Secret("unused"), host: nil, port: nil), registry: registry,
            objectStorage: nil)
        return SiteReader(
            module: .sample, inventory: inventory, credentials: credentials,
            cluster: ClusterReader(shell: shell, kubeconfig: inventory.cluster.kubeconfig), master: node, nodes: [node],
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

/// Databases that nobody may ask.
struct ForbiddenServices: DataServices {
    private func refuse() -> StepFailure {
        Issue.record("a database was asked")
        return StepFailure("connect", cause: "nobody may", remedy: "none")
    }

    func postgresReader(_ login: DatabaseLogin) async throws -> PostgresReader { throw refuse() }
    func postgresWriter(_ login: DatabaseLogin) async throws -> PostgresWriter { throw refuse() }
    func redisReader() async throws -> RedisReader { throw refuse() }
    func redisWriter() async throws -> RedisWriter { throw refuse() }
    func redisHostReader() async throws -> RedisReader { throw refuse() }
    func addressAnswers() async -> [ServiceAnswer] { [] }
    func shell(on host: Inventory.Host) async throws -> any RemoteShell { throw refuse() }
}
