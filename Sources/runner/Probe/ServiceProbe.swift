import ClientKit
import Journal
import Kubernetes
import Postgres
import Redis
import SSH
import StepKit
import Synchronization

/// Checks whether PostgreSQL, Redis and the registry accept the login, directly or through a master
/// as the inventory says.
struct ServiceProbe: Sendable {
    private let inventory: StepKit.Inventory
    private let redactor: Redactor
    private let access: (credentials: Credentials, generated: GeneratedSecretsStore)?
    private let hosts: LiveHosts
    private let master: SSHConnection?

    init(
        _ inventory: StepKit.Inventory, redactor: Redactor,
        access: (Credentials, GeneratedSecretsStore)?, hosts: LiveHosts, master: SSHConnection?
    ) {
        self.hosts = hosts
        self.inventory = inventory
        self.redactor = redactor
        self.access = access
        self.master = master
    }

    /// One finding for each service.
    func findings() async -> [ProbeFinding] {
        let (postgres, redis, registry) = (inventory.postgres, inventory.redis, inventory.registry.server)
        let places = postgres.hosts.map { "\($0):\(postgres.port)" }.joined(separator: ", ")
        let services = access.map {
            LiveDataServices(
                inventory: inventory, credentials: $0.credentials, hosts: hosts, observer: IgnoringObserver())
        }
        if let master { await services?.tunnel(through: master) }
        let questions:
            [(subject: String, needsMaster: Bool, ask: @Sendable (LiveDataServices) async throws -> String)] = [
                ("PostgreSQL at \(places)", postgres.via == .ssh, askPostgres),
                ("Redis at \(redis.summary)", redis.via == .ssh, askRedis),
                ("registry \(registry)", true, askRegistry),
            ]
        let findings = await allAnswers(of: questions) { subject, needsMaster, ask in
            guard let services else {
                return ProbeFinding.skipped(subject, because: "not checked: the credentials cannot be read")
            }
            guard master != nil || !needsMaster else {
                return .skipped(subject, because: "not checked: no connection to a master to check it through")
            }
            do {
                return .ok(subject, found: redactor.redact(try await ask(services)))
            } catch {
                return .failed(subject, error: error, redactor: redactor)
            }
        }
        // After the others, which must not wait for a dead address.
        let answers = await services?.addressAnswers() ?? []
        await services?.close()
        return findings
            + answers.map { answer in
                switch answer.result {
                case .success(let found): .ok(answer.subject, found: redactor.redact(found))
                case .failure(let error): .failed(answer.subject, error: error, redactor: redactor)
                }
            }
    }

    private func askPostgres(_ services: LiveDataServices) async throws -> String {
        let reader = try await services.postgresReader(.admin(database: inventory.postgres.adminDatabase))
        let version: String? = try await reader.value("SELECT current_setting('server_version')")
        return "logged in as \(access?.credentials.postgres.user ?? ""), version \(version ?? "unknown")"
    }

    private func askRedis(_ services: LiveDataServices) async throws -> String {
        let reader = try await services.redisReader()
        try await reader.ping()
        let isOpen = access?.credentials.redis.password == nil
        return (isOpen ? "no password is required" : "the password is accepted")
            + ", version \(try await reader.requireVersion().version)"
    }

    private func askRegistry(_ services: LiveDataServices) async throws -> String {
        guard let access, let master else { throw NoMasterLeft(failures: []) }
        var images: [String] = []
        for module in Runner.modules.described(by: inventory) {
            let warning = Mutex<String?>(nil)
            let site = SiteReader(
                module: module, inventory: inventory, credentials: access.credentials,
                cluster: ClusterReader(
                    shell: master, kubeconfig: inventory.cluster.kubeconfig, requestTimeout: inventory.limits.service),
                master: NodeReader(
                    name: master.hostName, address: master.destination.address, shell: master),
                nodes: [], absentNodes: [], services: services, generated: access.generated,
                prefetch: Prefetch(),
                reporter: Reporter { _ in
                } warning: { said in
                    warning.withLock { $0 = said.text }
                })
            for image in site.application.images {
                try await RegistryProof(site, of: image).require()
                if let warning = warning.withLock({ $0 }) {
                    throw StepFailure(
                        "request \(image.reference)", host: master.hostName, cause: warning,
                        remedy: "allow the masters to connect to the registry; if the nodes pull "
                            + "through a mirror, a run does not need it")
                }
                images.append(image.reference.description)
            }
        }
        let names = images.joined(separator: ", ")
        return "\(access.credentials.registry.username) may pull \(names)"
    }
}
