public import ClientKit
public import Kubernetes
public import Postgres
public import Redis

/// A Kubernetes node that did not answer when the run connected.
public struct AbsentNode: Sendable {
    /// Its inventory name.
    public let name: String
    /// Why it is absent.
    public let failure: any ExplainedError

    /// Describes an absence; see the properties.
    public init(name: String, failure: any ExplainedError) {
        self.name = name
        self.failure = failure
    }
}

/// The platform as `check` and `verify` see it: every client here can only read, so that a plan cannot write.
public struct SiteReader: Sendable {
    /// What the operator wants.
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
    let facts: ClusterFacts
    var lookAhead: LookAhead { facts.lookAhead }

    /// Puts a site together; see the properties.
    public init(
        inventory: Inventory, credentials: Credentials, cluster: ClusterReader, master: NodeReader,
        nodes: [NodeReader], absentNodes: [AbsentNode], services: any DataServices, generated: GeneratedSecretsStore,
        facts: ClusterFacts, reporter: Reporter
    ) {
        self.inventory = inventory
        self.credentials = credentials
        self.cluster = cluster
        self.master = master
        self.nodes = nodes
        self.absentNodes = absentNodes
        self.services = services
        self.generated = generated
        self.facts = facts
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

    /// The generated secrets as far as they exist, from the Secret `name` in `namespace`, then the credentials file.
    public func generatedSecrets(in namespace: String, secret name: String) async throws -> GeneratedSecretsStore.Found
    {
        let cluster = cluster
        return try await generated.find { try await cluster.readSecret(name, namespace: namespace) }
    }

    /// The API server's version, asked once.
    public func serverVersion() async throws -> ServerVersion {
        try await facts.serverVersion(cluster)
    }

    /// Asks every node that answers the same thing at once; what fails is told together.
    public func onEveryNode<Answer: Sendable>(
        _ attempt: String, _ ask: @escaping @Sendable (NodeReader) async throws -> Answer
    ) async throws -> [(node: NodeReader, answer: Answer)] {
        try await concurrently(nodes, attempt) { node in (node, try await ask(node)) }
    }
}

/// The platform as `apply` sees it.
public struct SiteWriter: Sendable {
    /// The reading side of everything.
    public let reader: SiteReader
    /// The cluster, through the master in use.
    public let cluster: ClusterWriter
    /// The Kubernetes nodes that answer.
    public var nodes: [NodeWriter] { reader.nodes.map(NodeWriter.init) }

    /// Allows changes on top of `reading`.
    public init(reader: SiteReader, cluster: ClusterWriter) {
        self.reader = reader
        self.cluster = cluster
    }

    /// The same platform for a run with `options`.
    public func with(options: RunOptions) -> SiteWriter {
        var reader = reader
        reader.options = options
        return SiteWriter(reader: reader, cluster: cluster)
    }

    /// A connection to PostgreSQL that can change things.
    public func postgres(_ login: DatabaseLogin) async throws -> PostgresWriter {
        try await reader.services.postgresWriter(login)
    }

    /// A connection to Redis that can change things.
    public func redis() async throws -> RedisWriter {
        try await reader.services.redisWriter()
    }

    /// The generated secrets, made and written to the credentials file first where they do not exist yet.
    public func ensureGeneratedSecrets(in namespace: String, secret name: String) async throws -> GeneratedSecrets {
        let found = try await reader.generatedSecrets(in: namespace, secret: name)
        let chatwoot = reader.inventory.chatwoot
        return try await reader.generated.complete(found, database: chatwoot.database, user: chatwoot.databaseUser)
    }
}

/// Does the same for every item at once, in the items' order; all failures are told together.
public func concurrently<Item: Sendable, Answer: Sendable>(
    _ items: [Item], _ attempt: String, _ work: @escaping @Sendable (Item) async throws -> Answer
) async throws -> [Answer] {
    var answers: [Answer] = []
    var failures: [any ExplainedError] = []
    for result in await resultsOfAll(items, work) {
        switch result {
        case .success(let answer): answers.append(answer)
        case .failure(let error as any ExplainedError): failures.append(error)
        case .failure(let error): throw error
        }
    }
    guard failures.isEmpty else { throw CombinedFailure(attempt, failures) }
    return answers
}

/// Does the same for every item at once; what became of each, in the items' order.
public func resultsOfAll<Item: Sendable, Answer: Sendable>(
    _ items: [Item], _ work: @escaping @Sendable (Item) async throws -> Answer
) async -> [Result<Answer, any Error>] {
    await withTaskGroup(of: (Int, Result<Answer, any Error>).self) { group in
        for (index, item) in items.enumerated() {
            group.addTask {
                do { return (index, .success(try await work(item))) } catch { return (index, .failure(error)) }
            }
        }
        var ended: [(Int, Result<Answer, any Error>)] = []
        for await result in group { ended.append(result) }
        return ended.sorted { $0.0 < $1.0 }.map(\.1)
    }
}
