import ClientKit
import Postgres
import Redis
import SSH
import StepKit

/// Connections to PostgreSQL, Redis and hosts outside Kubernetes, each made when first asked for and kept for the run.
actor LiveDataServices: DataServices {
    private let inventory: Inventory
    private let credentials: Credentials
    private let observer: any ActivityObserver
    /// The master that tunnels go through.
    private var tunnel: SSHConnection?
    private let postgresReaders = KeyedCache<DatabaseLogin, PostgresReader> { await $0.connection.isAlive }
    private let postgresWriters = KeyedCache<DatabaseLogin, PostgresWriter> { await $0.connection.isAlive }
    private let redisReaders = KeyedCache<Bool, RedisReader> { await $0.connection.isAlive }
    private let redisWriters = KeyedCache<Bool, RedisWriter> { await $0.connection.isAlive }
    private let shells = KeyedCache<String, SSHConnection> { await $0.isOpen }
    private let hosts: LiveHosts

    init(
        inventory: Inventory, credentials: Credentials, hosts: LiveHosts, observer: any ActivityObserver
    ) {
        self.hosts = hosts
        self.inventory = inventory
        self.credentials = credentials
        self.observer = observer
    }

    func postgresReader(_ login: DatabaseLogin) async throws -> PostgresReader {
        try await postgresReaders.value(for: login) { [self] in
            try await connect(login) { endpoint in try await PostgresReader.connect(to: endpoint, observer: observer) }
        }
    }

    func postgresWriter(_ login: DatabaseLogin) async throws -> PostgresWriter {
        try await postgresWriters.value(for: login) { [self] in
            try await connect(login) { endpoint in try await PostgresWriter.connect(to: endpoint, observer: observer) }
        }
    }

    func redisReader() async throws -> RedisReader {
        try await redisReaders.value(for: true) { [self] in
            try await RedisReader.connect(to: redisEndpoint(), observer: observer)
        }
    }

    func redisWriter() async throws -> RedisWriter {
        try await redisWriters.value(for: true) { [self] in
            try await RedisWriter.connect(to: redisEndpoint(), observer: observer)
        }
    }

    func shell(on host: StepKit.Inventory.Host) async throws -> any RemoteShell {
        try await shells.value(for: host.name) { [hosts] in try await hosts.connect(to: host).get() }
    }

    /// Turns to another master; connections through the old one are dropped with it.
    func tunnel(through master: SSHConnection) async {
        guard master !== tunnel else { return }
        let isFirst = tunnel == nil
        tunnel = master
        if !isFirst, hasTunnels { await close() }
    }

    /// The master that tunnels go through, where `error` may come of its loss and it does not answer any more.
    ///
    /// Its keepalives may need longer to say so than a statement waits.
    func lostTunnel(after error: any ExplainedError) async -> SSHError? {
        guard hasTunnels, let tunnel, error.mayComeOfATunnel else { return nil }
        do throws(SSHError) {
            _ = try await tunnel.run(
                RemoteCommand(
                    ["true"], for: "see that \(tunnel.hostName) answers", effect: .read,
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
        for writer in await redisWriters.takeAll() { await writer.connection.close() }
        for shell in await shells.takeAll() { await shell.close() }
    }

    private var hasTunnels: Bool { inventory.postgres.via == .ssh || inventory.redis.via == .ssh }

    /// Connects to the first host that can be written to; through a tunnel each has a way of its own, as far as there is one.
    private func connect<Face: Sendable>(
        _ login: DatabaseLogin, _ connect: @Sendable (PostgresEndpoint) async throws -> Face
    ) async throws -> Face {
        let service = inventory.postgres
        let port = UInt16(clamping: service.port)
        guard service.via == .ssh else {
            return try await connect(endpoint(login, service.hosts.map { .init($0, port: port) }))
        }
        var failures: [any ExplainedError] = []
        for name in service.hosts {
            do {
                let forward = try await forward(toHost: name, port: port)
                return try await connect(
                    endpoint(login, [.init(name, port: port, dialAddress: "127.0.0.1", dialPort: forward.port)]))
            } catch let error as PostgresError where error.allowsAnotherHost {
                failures.append(error)
            } catch let error as SSHError where error.phase == .channel {
                failures.append(error)
            }
        }
        guard failures.count == 1 else { throw CombinedFailure("connect to PostgreSQL", failures) }
        throw failures[0]
    }

    private func endpoint(_ login: DatabaseLogin, _ hosts: [PostgresEndpoint.Host]) -> PostgresEndpoint {
        let service = inventory.postgres
        let (database, user, password) =
            switch login {
            case .admin(let database): (database, credentials.postgres.user, credentials.postgres.password)
            case .chatwoot(let password): (inventory.chatwoot.database, inventory.chatwoot.databaseUser, password)
            }
        return PostgresEndpoint(
            hosts: hosts, database: database, user: user, password: password,
            tls: PostgresEndpoint.TLSMode(service.sslmode), rootCertificate: service.rootCertificate.flatMap(\.path),
            connectTimeout: inventory.limits.service)
    }

    private func redisEndpoint() async throws -> RedisEndpoint {
        let service = inventory.redis
        let port = UInt16(clamping: service.port)
        var endpoint = RedisEndpoint(
            host: service.host, port: port, user: service.user, password: credentials.redis.password,
            database: service.database, trusted: try trustedFile(of: service), connectTimeout: inventory.limits.service,
            commandTimeout: inventory.limits.service)
        if service.via == .ssh {
            let forward = try await forward(toHost: service.host, port: port)
            endpoint.dialAddress = "127.0.0.1"
            endpoint.dialPort = forward.port
        }
        return endpoint
    }

    /// What the certificate of Redis is verified against; nil for no TLS.
    private func trustedFile(of service: StepKit.Inventory.RedisService) throws -> String? {
        guard service.usesTLS else { return nil }
        guard let file = (service.rootCertificate ?? .system).path else {
            throw StepFailure(
                "connect to Redis with TLS", cause: "this machine has no file of the authorities that it trusts",
                remedy: "name one as redis.rootCertificate in the inventory, or install ca-certificates",
                kind: .badInput)
        }
        return file
    }

    private func forward(toHost host: String, port: UInt16) async throws -> LocalForward {
        guard let tunnel else { throw NoMasterLeft(failures: []) }
        return try await tunnel.forward(toHost: host, port: port)
    }
}

extension ExplainedError {
    /// Whether this error, or one of those it combines, may mean that the host of a tunnel is gone.
    fileprivate var mayComeOfATunnel: Bool {
        switch self {
        case let combined as CombinedFailure: combined.failures.contains(where: \.mayComeOfATunnel)
        case is PostgresError, is RedisError: kind == .unreachable || kind == .unknownOutcome
        case let error as SSHError: error.phase == .channel
        default: false
        }
    }
}

extension PostgresEndpoint.TLSMode {
    /// The inventory's word for it.
    init(_ mode: StepKit.Inventory.PostgresService.SSLMode) {
        self =
            switch mode {
            case .disable: .disable
            case .allow: .allow
            case .prefer: .prefer
            case .require: .require
            case .verifyCA: .verifyCA
            case .verifyFull: .verifyFull
            }
    }
}

extension StepKit.Inventory.RootCertificate {
    /// The file on this machine.
    fileprivate var path: String? {
        switch self {
        case .system: systemTrustFile()
        case .file(let path): path
        }
    }
}
