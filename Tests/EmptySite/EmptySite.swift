public import ClientKit
import Kubernetes
import Postgres
import Redis
import SSH

@testable public import StepKit

/// A site whose hosts and services nobody uses: what a step needs of the engine, and no more.
public enum EmptySite {
    /// What a step of `module` gets, with these `services` and generated secrets where it needs any.
    public static func writer(
        for module: Module, inventory: Inventory, reporter: Reporter, services: (any DataServices)? = nil,
        generated: [String: [GeneratedSecret: Secret]] = [:]
    ) -> SiteWriter {
        let cluster = ClusterWriter(
            shell: NoShell(), kubeconfig: inventory.cluster.kubeconfig, requestTimeout: .seconds(15))
        let node = NodeReader(name: "k8s-master-01", address: "10.0.0.100", shell: NoShell())
        return SiteWriter(
            reader: SiteReader(
                module: module, inventory: inventory, credentials: credentials, cluster: cluster.reader,
                master: node, nodes: [node], absentNodes: [], services: services ?? NoServices(),
                generated: GeneratedSecretsStore(
                    directory: CredentialsDirectory(path: "/nowhere"), filed: generated
                ) { _ in },
                prefetch: Prefetch(), reporter: reporter),
            cluster: cluster)
    }

    /// Credentials that no step uses.
    private static let credentials = Credentials(
        postgres: PostgresCredentials(user: "kb_admin", password: Secret("unused"), host: nil, port: nil),
        redis: RedisCredentials(password: Secret("unused"), host: nil, port: nil),
        registry: RegistryCredentials(username: "keybuzz", token: Secret("unused")), objectStorage: nil)
}

/// A shell that nobody uses.
private struct NoShell: RemoteShell {
    let hostName = "k8s-master-01"

    func run(_ command: RemoteCommand) async throws(SSHError) -> CommandResult {
        fatalError("a command was run: \(command.arguments)")
    }
}

/// Services that nobody asks.
private struct NoServices: DataServices {
    private var unused: StepFailure { StepFailure("connect", cause: "no step does", remedy: "report this") }

    func postgresReader(_ login: DatabaseLogin) async throws -> PostgresReader { throw unused }
    func postgresWriter(_ login: DatabaseLogin) async throws -> PostgresWriter { throw unused }
    func redisReader() async throws -> RedisReader { throw unused }
    func redisWriter() async throws -> RedisWriter { throw unused }
    func redisHostReader() async throws -> RedisReader { throw unused }
    func addressAnswers() async -> [ServiceAnswer] { [] }
    func shell(on host: Inventory.Host) async throws -> any RemoteShell { throw unused }
}
