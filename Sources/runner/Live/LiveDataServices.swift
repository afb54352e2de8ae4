import ClientKit
import Postgres
import Redis
import SSH
import StepKit

/// Connections to PostgreSQL, Redis and hosts outside Kubernetes, each opened on first use and kept
/// for the run.
actor LiveDataServices: DataServices {
    private let inventory: Inventory
    private let observer: any ActivityObserver
    /// The master that the tunnels go through.
    private var tunnel: SSHConnection?
    private let tunnels: Tunnels
    private let postgres: PostgresConnector
    private let redis: RedisConnector
    private let postgresReaders = KeyedCache<DatabaseLogin, PostgresReader> { await $0.connection.isAlive }
    private let postgresWriters = KeyedCache<DatabaseLogin, PostgresWriter> { await $0.connection.isAlive }
    private let redisReaders = KeyedCache<Bool, RedisReader> { await $0.connection.isAlive }
    private let redisHostReaders = KeyedCache<Bool, RedisReader> { await $0.connection.isAlive }
    private let redisWriters = KeyedCache<Bool, RedisWriter> { await $0.connection.isAlive }
    private let shells = KeyedCache<String, SSHConnection> { await $0.isOpen }
    private let hosts: LiveHosts

    init(
        inventory: Inventory, credentials: Credentials, hosts: LiveHosts, observer: any ActivityObserver
    ) {
        self.hosts = hosts
        self.inventory = inventory
        self.observer = observer
        tunnels = Tunnels(hosts)
        postgres = PostgresConnector(
            inventory, credentials: credentials.postgres, through: tunnels, observer: observer)
        redis = RedisConnector(inventory, credentials: credentials.redis, through: tunnels, observer: observer)
    }

    func postgresReader(_ login: DatabaseLogin) async throws -> PostgresReader {
        try await postgresReaders.value(for: login) { [postgres, observer] in
            try await postgres.connect(as: login) { (endpoint) throws(PostgresError) in
                try await PostgresReader.connect(to: endpoint, observer: observer)
            }
        }
    }

    func postgresWriter(_ login: DatabaseLogin) async throws -> PostgresWriter {
        try await postgresWriters.value(for: login) { [postgres, observer] in
            try await postgres.connect(as: login) { (endpoint) throws(PostgresError) in
                try await PostgresWriter.connect(to: endpoint, observer: observer)
            }
        }
    }

    func redisReader() async throws -> RedisReader {
        try await redisReaders.value(for: true) { [redis, observer] in
            try await redis.connect { (endpoint) throws(RedisError) in
                try await RedisReader.connect(to: endpoint, observer: observer)
            }
        }
    }

    func redisWriter() async throws -> RedisWriter {
        try await redisWriters.value(for: true) { [redis, observer] in
            try await redis.connect { (endpoint) throws(RedisError) in
                try await RedisWriter.connect(to: endpoint, observer: observer)
            }
        }
    }

    func redisHostReader() async throws -> RedisReader {
        try await redisHostReaders.value(for: true) { [redis] in try await redis.connectToHost() }
    }

    func addressAnswers() async -> [ServiceAnswer] {
        await postgres.answers() + redis.answers()
    }

    func shell(on host: StepKit.Inventory.Host) async throws -> any RemoteShell {
        try await shells.value(for: host.name) { [hosts] in try await hosts.connect(to: host).get() }
    }

    /// Switches to another master; connections through the old one are closed.
    func tunnel(through master: SSHConnection) async {
        guard master !== tunnel else { return }
        let isFirst = tunnel == nil
        tunnel = master
        await tunnels.lead(through: inventory.hosts.first { $0.name == master.hostName })
        if !isFirst, hasTunnels { await close() }
    }

    /// The master that the tunnels go through, if `error` may be caused by its loss and it no
    /// longer responds.
    ///
    /// Its keepalives may take longer to notice this than a statement waits.
    func lostTunnel(after error: any ExplainedError) async -> SSHError? {
        guard hasTunnels, let tunnel, error.mayComeOfATunnel else { return nil }
        do throws(SSHError) {
            _ = try await tunnel.run(
                RemoteCommand(
                    ["true"], for: "check that \(tunnel.hostName) responds", effect: .read,
                    timeout: inventory.limits.connect))
            return nil
        } catch {
            return error.kind == .unreachable || error.kind == .unknownOutcome ? error : nil
        }
    }

    func close() async {
        for reader in await postgresReaders.takeAll() { await reader.connection.close() }
        for writer in await postgresWriters.takeAll() { await writer.connection.close() }
        for reader in await redisReaders.takeAll() { await reader.connection.close() }
        for reader in await redisHostReaders.takeAll() { await reader.connection.close() }
        for writer in await redisWriters.takeAll() { await writer.connection.close() }
        for shell in await shells.takeAll() { await shell.close() }
        await tunnels.close()
    }

    private var hasTunnels: Bool { inventory.postgres.via == .ssh || inventory.redis.via == .ssh }
}

extension ExplainedError {
    /// Whether this error, or one of those it combines, may mean that the host of a tunnel is gone.
    fileprivate var mayComeOfATunnel: Bool {
        switch self {
        case let combined as CombinedFailure: combined.failures.contains(where: \.mayComeOfATunnel)
        case is PostgresError, is RedisError: kind == .unreachable || kind == .unknownOutcome
        case let error as SSHError: error.phase == .channel || error.kind == .unreachable
        default: false
        }
    }
}

extension StepKit.Inventory.RootCertificate {
    /// The path of the file on this machine.
    var path: String? {
        switch self {
        case .system: systemTrustFile()
        case .file(let path): path
        }
    }
}
