public import Kubernetes
public import Postgres
public import Redis

/// The platform as `check` and `verify` see it: every client here can only read, so that a plan cannot write.
public struct SiteReader: Sendable {
    /// The module that this is about.
    public let module: Module
    /// What the module installs, as the inventory describes it.
    public let application: Application
    /// The inventory.
    public let inventory: Inventory
    /// What the credentials files say.
    public let credentials: Credentials
    /// The cluster, through the master in use.
    public let cluster: ClusterReader
    /// The master in use, for what only a host can ask.
    public let master: NodeReader
    /// The Kubernetes nodes that answer, masters first.
    public let nodes: [NodeReader]
    /// The Kubernetes nodes that do not.
    public let absentNodes: [AbsentNode]
    /// Where the step says what it waits for.
    public let reporter: Reporter
    /// What the operator asked of this run beyond the inventory.
    public internal(set) var options = RunOptions()
    let services: any DataServices
    let generated: GeneratedSecretsStore
    let prefetch: Prefetch

    /// Describes a site; see the properties.
    public init(
        module: Module, inventory: Inventory, credentials: Credentials, cluster: ClusterReader, master: NodeReader,
        nodes: [NodeReader], absentNodes: [AbsentNode], services: any DataServices, generated: GeneratedSecretsStore,
        prefetch: Prefetch, reporter: Reporter
    ) {
        self.module = module
        application = module.application(inventory)
        self.inventory = inventory
        self.credentials = credentials
        self.cluster = cluster
        self.master = master
        self.nodes = nodes
        self.absentNodes = absentNodes
        self.services = services
        self.generated = generated
        self.prefetch = prefetch
        self.reporter = reporter
    }

    /// A read-only connection to PostgreSQL.
    public func postgres(_ login: DatabaseLogin) async throws -> PostgresReader {
        try await services.postgresReader(login)
    }

    /// A read-only connection to Redis.
    public func redis() async throws -> RedisReader {
        try await services.redisReader()
    }

    /// The secrets of `file`, which are generated for the application, as far as they exist.
    public func generatedSecrets(_ file: GeneratedFile) async throws -> GeneratedSecretsStore.Found {
        let (cluster, namespace) = (cluster, application.namespace)
        return try await generated.find(file) {
            try await cluster.readSecret(file.secretName, namespace: namespace)
        }
    }

    /// The API server's version, asked once.
    public func serverVersion() async throws -> ServerVersion {
        try await prefetch.serverVersion(cluster)
    }

    /// Asks every connected node concurrently; all failures are thrown together.
    public func onEveryNode<Answer: Sendable>(
        _ attempt: String, ask: @escaping @Sendable (NodeReader) async throws -> Answer
    ) async throws -> [(node: NodeReader, answer: Answer)] {
        try await concurrently(nodes, for: attempt) { node in (node, try await ask(node)) }
    }
}
