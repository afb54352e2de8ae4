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
    private let tunnels: Tunnels
    private let postgresHosts: ServiceAddresses
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
        self.credentials = credentials
        self.observer = observer
        tunnels = Tunnels(hosts)
        postgresHosts = ServiceAddresses(
            inventory.postgres.hosts, attempt: "connect to PostgreSQL"
        ) { error in
            switch error {
            case let error as PostgresError: error.allowsAnotherHost
            case let error as SSHError: error.phase == .channel
            default: false
            }
        }
        redis = RedisConnector(inventory, credentials: credentials.redis, through: tunnels, observer: observer)
    }

    func postgresReader(_ login: DatabaseLogin) async throws -> PostgresReader {
        try await postgresReaders.value(for: login) { [self] in
            try await connect(as: login) { [observer] endpoint in
                try await PostgresReader.connect(to: endpoint, observer: observer)
            }
        }
    }

    func postgresWriter(_ login: DatabaseLogin) async throws -> PostgresWriter {
        try await postgresWriters.value(for: login) { [self] in
            try await connect(as: login) { [observer] endpoint in
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
        var answers: [ServiceAnswer] = []
        if inventory.postgres.hosts.count > 1 {
            for name in inventory.postgres.hosts { answers.append(await answer(ofPostgresAt: name)) }
        }
        return answers + (await redis.answers())
    }

    func shell(on host: StepKit.Inventory.Host) async throws -> any RemoteShell {
        try await shells.value(for: host.name) { [hosts] in try await hosts.connect(to: host).get() }
    }

    /// Turns to another master; connections through the old one are dropped with it.
    func tunnel(through master: SSHConnection) async {
        guard master !== tunnel else { return }
        let isFirst = tunnel == nil
        tunnel = master
        await tunnels.lead(through: inventory.hosts.first { $0.name == master.hostName })
        if !isFirst, hasTunnels { await close() }
    }

    /// The master that tunnels go through, where `error` may come of its loss and it no longer answers.
    ///
    /// Its keepalives may need longer to say so than a statement waits.
    func lostTunnel(after error: any ExplainedError) async -> SSHError? {
        guard hasTunnels, let tunnel, error.mayComeOfATunnel else { return nil }
        do throws(SSHError) {
            _ = try await tunnel.run(
                RemoteCommand(
                    ["true"], for: "check that \(tunnel.hostName) answers", effect: .read,
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

    /// Connects to the first host that can be written to.
    private func connect<Face: Sendable>(
        as login: DatabaseLogin, connect: @escaping @Sendable (PostgresEndpoint) async throws -> Face
    ) async throws -> Face {
        try await postgresHosts.connect { [self] name in
            try await self.connect(toPostgresAt: name, as: login, by: connect)
        }
    }

    /// Connects to one host, and says why where TLS fails through a tunnel.
    private func connect<Face: Sendable>(
        toPostgresAt name: String, as login: DatabaseLogin,
        by connect: @Sendable (PostgresEndpoint) async throws -> Face
    ) async throws -> Face {
        do {
            return try await connect(try await endpoint(ofPostgresAt: name, as: login))
        } catch let error as PostgresError where error.reason == .tls && inventory.postgres.via == .ssh {
            throw await error.tlsCause(through: try await endpoint(ofPostgresAt: name, as: login))
        }
    }

    /// What the host `name` says to the administrator.
    private func answer(ofPostgresAt name: String) async -> ServiceAnswer {
        let login = DatabaseLogin.admin(database: inventory.postgres.adminDatabase)
        return await ServiceAnswer("PostgreSQL at \(name):\(inventory.postgres.port)") {
            do {
                let reader = try await connect(toPostgresAt: name, as: login) { [observer] endpoint in
                    try await PostgresReader.connect(to: endpoint, observer: observer)
                }
                await reader.connection.close()
                return "can be written to"
            } catch let error as PostgresError where error.reason == .readOnlyServer {
                return error.cause
            }
        }
    }

    private func endpoint(
        ofPostgresAt name: String, as login: DatabaseLogin
    ) async throws -> PostgresEndpoint {
        let service = inventory.postgres
        var host = PostgresEndpoint.Host(name, port: UInt16(clamping: service.port))
        if service.via == .ssh {
            host.dialAddress = "127.0.0.1"
            host.dialPort = try await tunnels.forward(toHost: name, port: host.port).port
        }
        let (database, user, password) =
            switch login {
            case .admin(let database): (database, credentials.postgres.user, credentials.postgres.password)
            case .owner(let database, let password): (database.name, database.user, password)
            }
        return PostgresEndpoint(
            hosts: [host], database: database, user: user, password: password,
            tls: PostgresEndpoint.TLSMode(service.sslmode), rootCertificate: service.rootCertificate.flatMap(\.path),
            connectTimeout: inventory.limits.service)
    }

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
    var path: String? {
        switch self {
        case .system: systemTrustFile()
        case .file(let path): path
        }
    }
}
