import ClientKit
import Postgres
import Redis
import SSH
import StepKit

/// Connections to PostgreSQL and Redis, each made when first asked for and kept for the run.
actor LiveDataServices: DataServices {
    private let inventory: Inventory
    private let credentials: Credentials
    private let observer: any ActivityObserver
    private var tunnel: SSHConnection
    private var postgresReaders: [DatabaseLogin: PostgresReader] = [:]
    private var postgresWriters: [DatabaseLogin: PostgresWriter] = [:]
    private var redisReaderKept: RedisReader?
    private var redisWriterKept: RedisWriter?
    private var shells: [String: SSHConnection] = [:]
    private let passphrase: @Sendable (String) async -> Secret?

    init(
        inventory: Inventory, credentials: Credentials, observer: any ActivityObserver, tunnel: SSHConnection,
        passphrase: @escaping @Sendable (String) async -> Secret?
    ) {
        self.passphrase = passphrase
        self.inventory = inventory
        self.credentials = credentials
        self.observer = observer
        self.tunnel = tunnel
    }

    func postgresReader(_ login: DatabaseLogin) async throws -> PostgresReader {
        if let kept = postgresReaders[login], await kept.connection.isAlive { return kept }
        let made = try await PostgresReader.connect(to: endpoint(login), observer: observer)
        postgresReaders[login] = made
        return made
    }

    func postgresWriter(_ login: DatabaseLogin) async throws -> PostgresWriter {
        if let kept = postgresWriters[login], await kept.connection.isAlive { return kept }
        let made = try await PostgresWriter.connect(to: endpoint(login), observer: observer)
        postgresWriters[login] = made
        return made
    }

    func redisReader() async throws -> RedisReader {
        if let kept = redisReaderKept, await kept.connection.isAlive { return kept }
        let made = try await RedisReader.connect(to: redisEndpoint(), observer: observer)
        redisReaderKept = made
        return made
    }

    func redisWriter() async throws -> RedisWriter {
        if let kept = redisWriterKept, await kept.connection.isAlive { return kept }
        let made = try await RedisWriter.connect(to: redisEndpoint(), observer: observer)
        redisWriterKept = made
        return made
    }

    func shell(on host: StepKit.Inventory.Host) async throws -> any RemoteShell {
        if let kept = shells[host.name], await kept.isOpen { return kept }
        let made = try await SSHConnection.open(
            to: SSHDestination(host, of: inventory), observer: observer, passphrase: passphrase)
        shells[host.name] = made
        return made
    }

    /// Turns to another master; connections through the old one are dropped with it.
    func tunnel(through master: SSHConnection) async {
        guard master !== tunnel else { return }
        tunnel = master
        if inventory.postgres.via == .ssh || inventory.redis.via == .ssh { await close() }
    }

    func close() async {
        for reader in postgresReaders.values { await reader.connection.close() }
        for writer in postgresWriters.values { await writer.connection.close() }
        await redisReaderKept?.connection.close()
        await redisWriterKept?.connection.close()
        for shell in shells.values { await shell.close() }
        (postgresReaders, postgresWriters, redisReaderKept, redisWriterKept, shells) = ([:], [:], nil, nil, [:])
    }

    private func endpoint(_ login: DatabaseLogin) async throws -> PostgresEndpoint {
        let service = inventory.postgres
        let port = UInt16(clamping: service.port)
        var hosts: [PostgresEndpoint.Host] = []
        for name in service.hosts {
            switch service.via {
            case .direct: hosts.append(.init(name, port: port))
            case .ssh:
                let forward = try await tunnel.forward(toHost: name, port: port)
                hosts.append(.init(name, port: port, dialAddress: "127.0.0.1", dialPort: forward.port))
            }
        }
        let (database, user, password) =
            switch login {
            case .admin(let database): (database, credentials.postgres.user, credentials.postgres.password)
            case .chatwoot(let password): (inventory.chatwoot.database, inventory.chatwoot.databaseUser, password)
            }
        return PostgresEndpoint(
            hosts: hosts, database: database, user: user, password: password,
            tls: PostgresEndpoint.TLSMode(rawValue: service.sslmode.rawValue) ?? .prefer,
            connectTimeout: inventory.limits.service)
    }

    private func redisEndpoint() async throws -> RedisEndpoint {
        let service = inventory.redis
        let port = UInt16(clamping: service.port)
        var endpoint = RedisEndpoint(
            host: service.host, port: port, password: credentials.redis.password, database: service.database,
            connectTimeout: inventory.limits.service, commandTimeout: inventory.limits.service)
        if service.via == .ssh {
            let forward = try await tunnel.forward(toHost: service.host, port: port)
            endpoint.dialAddress = "127.0.0.1"
            endpoint.dialPort = forward.port
        }
        return endpoint
    }
}
