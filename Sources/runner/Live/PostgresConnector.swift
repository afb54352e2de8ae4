import ClientKit
import Postgres
import SSH
import StepKit

/// Connects to PostgreSQL: to the first of its hosts that accepts writes.
struct PostgresConnector: Sendable {
    /// Opens a connection as a reader or a writer.
    typealias Open<Face> = @Sendable (PostgresEndpoint) async throws(PostgresError) -> Face

    private let service: StepKit.Inventory.PostgresService
    private let credentials: PostgresCredentials
    private let limit: TimeLimit
    private let tunnels: Tunnels
    private let observer: any ActivityObserver
    private let hosts: ServiceAddresses

    init(
        _ inventory: StepKit.Inventory, credentials: PostgresCredentials, through tunnels: Tunnels,
        observer: any ActivityObserver
    ) {
        service = inventory.postgres
        limit = inventory.limits.service
        self.credentials = credentials
        self.tunnels = tunnels
        self.observer = observer
        hosts = ServiceAddresses(inventory.postgres.hosts, attempt: "connect to PostgreSQL") { error in
            switch error {
            case let error as PostgresError: error.allowsAnotherHost
            case let error as SSHError: error.phase == .channel
            default: false
            }
        }
    }

    /// The result of `open` for the first host that accepts writes.
    func connect<Face: Sendable>(as login: DatabaseLogin, _ open: @escaping Open<Face>) async throws -> Face {
        try await hosts.connect { name in try await connect(to: name, as: login, open) }
    }

    /// The answer of each host to the administrator; empty if there is only one.
    func answers() async -> [ServiceAnswer] {
        guard service.hosts.count > 1 else { return [] }
        var answers: [ServiceAnswer] = []
        for name in service.hosts { answers.append(await answer(of: name)) }
        return answers
    }

    private func answer(of name: String) async -> ServiceAnswer {
        let login = DatabaseLogin.admin(database: service.adminDatabase)
        return await ServiceAnswer("PostgreSQL at \(name):\(service.port)") {
            do {
                let reader = try await connect(to: name, as: login) { (endpoint) throws(PostgresError) in
                    try await PostgresReader.connect(to: endpoint, observer: observer)
                }
                await reader.connection.close()
                return "accepts writes"
            } catch let error as PostgresError where error.reason == .readOnlyServer {
                return error.cause
            }
        }
    }

    /// Connects to one host: directly, or through tunnels in the modes that libpq would try.
    private func connect<Face: Sendable>(
        to name: String, as login: DatabaseLogin, _ open: Open<Face>
    ) async throws -> Face {
        let endpoint = endpoint(of: name, as: login)
        guard service.via == .ssh else { return try await open(endpoint) }
        let (first, second) = endpoint.tls.ways
        do {
            return try await connectTunnelled(endpoint, tls: first, open)
        } catch let refusal as PostgresError where refusal.allowsTheOtherWay {
            guard let second else { throw refusal }
            return try await connectTunnelled(endpoint, tls: second, open)
        }
    }

    /// Connects through a tunnel; if TLS fails, finds out why through another tunnel.
    private func connectTunnelled<Face: Sendable>(
        _ endpoint: PostgresEndpoint, tls mode: PostgresEndpoint.TLSMode, _ open: Open<Face>
    ) async throws -> Face {
        let first = try await tunnel(to: endpoint)
        do {
            return try await open(endpoint.dialling(first, tls: mode))
        } catch let refusal {
            // The tunnel may still be unused.
            await first.close()
            guard refusal.reason == .tls else { throw refusal }
            let second: LocalForward
            do {
                second = try await tunnel(to: endpoint)
            } catch {
                // Without another tunnel, only the first failure is known.
                throw refusal
            }
            let explained = await refusal.tlsCause(through: endpoint.dialling(second, tls: mode))
            await second.close()
            throw explained
        }
    }

    private func tunnel(to endpoint: PostgresEndpoint) async throws -> LocalForward {
        try await tunnels.forward(toHost: endpoint.hosts[0].name, port: endpoint.hosts[0].port)
    }

    private func endpoint(of name: String, as login: DatabaseLogin) -> PostgresEndpoint {
        let (database, user, password) =
            switch login {
            case .admin(let database): (database, credentials.user, credentials.password)
            case .owner(let database, let password): (database.name, database.user, password)
            }
        return PostgresEndpoint(
            hosts: [.init(name, port: UInt16(clamping: service.port))], database: database, user: user,
            password: password, tls: PostgresEndpoint.TLSMode(service.sslmode),
            rootCertificate: service.rootCertificate.flatMap(\.path), connectTimeout: limit,
            statementTimeout: limit)
    }
}

extension PostgresEndpoint {
    fileprivate func dialling(_ tunnel: LocalForward, tls mode: TLSMode) -> PostgresEndpoint {
        var endpoint = self
        endpoint.tls = mode
        endpoint.hosts[0].dialAddress = "127.0.0.1"
        endpoint.hosts[0].dialPort = tunnel.port
        return endpoint
    }
}

extension PostgresError {
    /// Whether a connection with TLS may succeed where one without was refused, or the other way
    /// round.
    ///
    /// A wrong password stays wrong, and a second attempt could lock the account.
    fileprivate var allowsTheOtherWay: Bool {
        switch reason {
        case .server(sqlState: "28000"), .tls, .cannotConnect: true
        default: false
        }
    }
}

extension PostgresEndpoint.TLSMode {
    /// What libpq tries first in this mode, and second; its second connection cannot use the tunnel
    /// of the first.
    fileprivate var ways: (first: Self, second: Self?) {
        switch self {
        case .prefer: (.prefer, .disable)
        case .allow: (.disable, .require)
        default: (self, nil)
        }
    }

    /// The mode that the inventory names.
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
