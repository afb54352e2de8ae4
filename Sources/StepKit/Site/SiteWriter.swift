public import Kubernetes
public import Postgres
public import Redis

/// The platform as `apply` sees it.
public struct SiteWriter: Sendable {
    /// The reading side of everything.
    public let reader: SiteReader
    /// The cluster, through the master in use.
    public let cluster: ClusterWriter
    /// The Kubernetes nodes that respond.
    public var nodes: [NodeWriter] { reader.nodes.map(NodeWriter.init) }

    /// Allows changes to the site of `reader`.
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

    /// The secrets of `file`; missing ones are generated and written to it first.
    public func ensureGeneratedSecrets(_ file: GeneratedFile) async throws -> GeneratedSecrets {
        // Another run may have made the Secret since it was read, as one whose lease was deleted while it lived.
        if try await reader.generatedSecrets(file).complete == nil { await reader.generated.forget() }
        return try await reader.generated.complete(try await reader.generatedSecrets(file))
    }
}
