import ClientKit
import DataServers
import Kubernetes
import Postgres
import Redis
import SSH
import Synchronization
import TestSupport
import Testing

@testable import StepKit
@testable import Steps

/// A server with a superuser, and an administrator `runner_admin` with these options.
final class DatabasePlatform: DataServices {
    static let password = Secret("admin-pw")
    let server: PostgresServer
    let chatwoot = GeneratedSecrets.standIn()
    /// The databases that were connected to for reading.
    let read = Mutex<[String]>([])
    /// What a step warned of.
    let warnings = Mutex<[String]>([])

    init(
        _ installation: PostgresInstallation, administrator options: String, settings: String = ""
    ) async throws {
        server = try PostgresServer(settings: settings, programs: installation.programs)
        let superuser = try await superuser("postgres")
        try await superuser.execute("CREATE ROLE runner_admin LOGIN \(options) PASSWORD 'admin-pw'")
    }

    func superuser(_ database: String) async throws -> PostgresWriter {
        try await PostgresWriter.connect(to: server.endpoint(database), observer: IgnoringObserver())
    }

    /// Chatwoot's login, by the names that the inventory leaves to their defaults.
    func owner() -> DatabaseLogin {
        .owner(
            of: Application.Database(name: "chatwoot", user: "chatwoot"),
            password: chatwoot.databasePassword)
    }

    private func endpoint(_ login: DatabaseLogin) -> PostgresEndpoint {
        switch login {
        case .admin(let database): server.endpoint(database).loggingIn(as: "runner_admin", password: Self.password)
        case .owner(let database, let password):
            server.endpoint(database.name).loggingIn(as: database.user, password: password)
        }
    }

    func postgresReader(_ login: DatabaseLogin) async throws -> PostgresReader {
        let endpoint = endpoint(login)
        read.withLock { $0.append(endpoint.database) }
        return try await PostgresReader.connect(to: endpoint, observer: IgnoringObserver())
    }

    func postgresWriter(_ login: DatabaseLogin) async throws -> PostgresWriter {
        try await PostgresWriter.connect(to: endpoint(login), observer: IgnoringObserver())
    }

    func redisReader() async throws -> RedisReader { try await ForbiddenServices().redisReader() }
    func redisWriter() async throws -> RedisWriter { try await ForbiddenServices().redisWriter() }
    func redisHostReader() async throws -> RedisReader { try await ForbiddenServices().redisReader() }
    func addressAnswers() async -> [ServiceAnswer] { [] }
    func shell(on host: Inventory.Host) async throws -> any RemoteShell { ForbiddenShell() }

    /// A site whose cluster is asked through `shell`, and whose chatwoot.env has these secrets.
    func site(
        _ changes: [(old: String, new: String)] = [], shell: any RemoteShell = ForbiddenShell(),
        filed secrets: [GeneratedSecret] = GeneratedSecret.chatwoot
    ) async throws -> SiteWriter {
        let inventory = try SiteSample.inventory(changes)
        let filed = Dictionary(uniqueKeysWithValues: secrets.map { ($0, chatwoot[$0]) })
        let store = GeneratedSecretsStore(
            directory: CredentialsDirectory(path: "/nowhere"),
            filed: [GeneratedFile.chatwootName: filed]
        ) { _ in }
        _ = try await store.find(.chatwoot(inventory)) { nil }
        let node = NodeReader(name: shell.hostName, address: "10.0.0.100", shell: shell)
        let reader = SiteReader(
            module: module11, inventory: inventory, credentials: SiteSample.credentials(),
            cluster: ClusterReader(
                shell: shell, kubeconfig: inventory.cluster.kubeconfig, requestTimeout: .seconds(15)), master: node,
            nodes: [node], absentNodes: [], services: self, generated: store, prefetch: Prefetch(),
            reporter: Reporter(
                progress: { _ in },
                warning: { warning in
                    self.warnings.withLock { $0.append(warning.text) }
                }))
        return SiteWriter(
            reader: reader,
            cluster: ClusterWriter(shell: shell, kubeconfig: inventory.cluster.kubeconfig, requestTimeout: .seconds(15))
        )
    }

    /// Does as the refusals say, until there is none.
    func followRefusals() async throws -> [String] {
        var followed: [String] = []
        for _ in 1...8 {
            let state = try await DatabaseState.read(site().reader, asksRedis: false)
            let told = state.setup.refusals
            guard !told.isEmpty else { return followed }
            for case .statements(let statements, let database) in told.map(\.cure) {
                for statement in statements where !followed.contains("\(database): \(statement)") {
                    try await superuser(database).execute(statement)
                    followed.append("\(database): \(statement)")
                }
            }
        }
        Issue.record("still refused after \(followed)")
        return followed
    }

    func makeReady() async throws {
        try await SetupCredentials().makeReady(site(), with: chatwoot)
        let left = try await SetupCredentials().databaseChanges(site().reader)
        #expect(left.isEmpty, "\(left.map(\.summary))")
        let own = try await postgresWriter(owner())
        // What Chatwoot's task does first.
        for name in ["pg_stat_statements", "pg_trgm", "pgcrypto"] {
            try await own.execute("CREATE EXTENSION IF NOT EXISTS \(name)")
        }
        try await own.execute("CREATE TABLE proof (id serial)")
        try await own.execute("DROP TABLE proof")
    }
}
