public import Kubernetes
public import Postgres
public import Redis

/// The platform as `check` and `verify` see it: every client here can only read, so that a plan
/// cannot write.
public struct SiteReader: Sendable {
    /// The module.
    public let module: Module
    /// What the module installs, according to the inventory.
    public let application: Application
    /// The inventory.
    public let inventory: Inventory
    /// The contents of the credentials files.
    public let credentials: Credentials
    /// The cluster, through the master in use.
    public let cluster: ClusterReader
    /// The master in use, for checks on the host itself.
    public let master: NodeReader
    /// The Kubernetes nodes that respond, masters first.
    public let nodes: [NodeReader]
    /// The Kubernetes nodes that do not.
    public let absentNodes: [AbsentNode]
    /// Where the step reports its progress.
    public let reporter: Reporter
    /// The options of this run.
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

    /// The secrets that were generated for `file`, as far as they exist.
    public func generatedSecrets(_ file: GeneratedFile) async throws -> GeneratedSecretsStore.Found {
        let (cluster, namespace) = (cluster, application.namespace)
        return try await generated.find(file) {
            try await cluster.readSecret(file.secretName, namespace: namespace)
        }
    }

    /// The API server's version, read once.
    public func serverVersion() async throws -> ServerVersion {
        try await prefetch.serverVersion(cluster)
    }

    /// Calls `ask` for every connected node concurrently; all failures are thrown together.
    public func onEveryNode<Answer: Sendable>(
        _ attempt: String, ask: @escaping @Sendable (NodeReader) async throws -> Answer
    ) async throws -> [(node: NodeReader, answer: Answer)] {
        try await concurrently(nodes, for: attempt) { node in (node, try await ask(node)) }
    }
}
