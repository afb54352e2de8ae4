import ClientKit
import Journal
import Kubernetes
import SSH
import StepKit

/// Checks that everything an inventory names is reachable and accepts our login; changes nothing.
struct InventoryProbe: Sendable {
    /// The result of a login to a host.
    private struct Answer: Sendable {
        let host: StepKit.Inventory.Host
        let fingerprint: Result<String, SSHError>
        /// The session, if others are checked through it.
        var connection: SSHConnection?

        /// The name of the jump host that failed, if it was not the host itself.
        var failedElsewhere: String? {
            guard case .failure(let error) = fingerprint, error.hostName != host.name else { return nil }
            return error.hostName
        }
    }

    private let inventory: StepKit.Inventory
    private let redactor: Redactor
    private let hosts: LiveHosts

    init(
        _ inventory: StepKit.Inventory, redactor: Redactor, passphrase: @escaping @Sendable (String) async -> Secret?
    ) {
        self.inventory = inventory
        self.redactor = redactor
        hosts = LiveHosts(inventory, observer: IgnoringObserver(), passphrase: passphrase)
    }

    /// Checks the hosts concurrently, then everything that may depend on them; `tell` gets each
    /// finding as soon as it is known.
    func run(telling tell: (Diagnosis) throws -> Void) async throws -> ProbeResult {
        try await withCleanup({ await hosts.close() }) {
            let (access, finding) = await credentials()
            try tell(finding.diagnosis)
            let (sessions, masters) = try await logIn { try tell($0.diagnosis) }
            return try await withCleanup({ for (_, master) in masters { await master?.close() } }) {
                let served = await allAnswers(of: masters) { name, connection in
                    await apiFinding(of: name, through: connection)
                }
                for finding in served { try tell(finding.diagnosis) }
                let services = await ServiceProbe(
                    inventory, redactor: redactor, access: access, hosts: hosts,
                    master: masters.compactMap(\.1).first
                ).findings()
                for finding in services { try tell(finding.diagnosis) }
                return ProbeResult(
                    [finding] + sessions + served + services, hasMaster: served.contains { $0.diagnosis.verdict == .ok }
                )
            }
        }
    }

    private func credentials() async -> ((Credentials, GeneratedSecretsStore)?, ProbeFinding) {
        let subject = "credentials in \(inventory.credentials.directory)"
        do {
            let access = try await LiveProvider.credentials(
                of: inventory, for: Runner.modules.described(by: inventory), redactor: redactor)
            return (access, .ok(subject, found: "readable by their owner only"))
        } catch {
            return (nil, .failed(subject, error: error, redactor: redactor))
        }
    }

    /// Logs in to all hosts; returns the results in the inventory's order, and the masters, each
    /// with its session if there is one.
    private func logIn(
        telling tell: (ProbeFinding) throws -> Void
    ) async throws -> ([ProbeFinding], masters: [(String, SSHConnection?)]) {
        var findings: [String: ProbeFinding] = [:]
        func add(_ finding: ProbeFinding, of host: StepKit.Inventory.Host) throws {
            findings[host.name] = finding
            try tell(finding)
        }
        // Nothing connects to an operator's host, unless it is a jump host or stores the backups.
        let isAsked = { (host: StepKit.Inventory.Host) in
            host.roles != [.operator] || hosts.jumpHostNames.contains(host.name)
                || host.name == inventory.backup?.host
        }
        for host in inventory.hosts where !isAsked(host) {
            let reason = "not checked: no step connects to an operator's host"
            try add(.skipped(subject(of: host), because: reason), of: host)
        }
        var connections: [String: SSHConnection] = [:]
        var (failed, dependent): (Set<String>, [Answer]) = ([], [])
        try await hosts.ask(inventory.hosts.filter(isAsked), answer) { answer in
            connections[answer.host.name] = answer.connection
            if case .failure = answer.fingerprint { failed.insert(answer.host.name) }
            // Whether the jump host itself fails may not be known yet.
            guard answer.failedElsewhere == nil else { return dependent.append(answer) }
            try add(finding(of: answer), of: answer.host)
        }
        for answer in dependent {
            var told = finding(of: answer)
            if let jumpHost = answer.failedElsewhere, failed.contains(jumpHost) {
                told = .skipped(
                    subject(of: answer.host),
                    because: "not checked: the connection to its jump host \(jumpHost) failed")
            }
            try add(told, of: answer.host)
        }
        let masters = inventory.masters.map { ($0.name, connections[$0.name]) }
        return (inventory.hosts.compactMap { findings[$0.name] }, masters)
    }

    /// Logs in to a host; only the sessions to masters are kept.
    private func answer(of host: StepKit.Inventory.Host) async -> Answer {
        switch await hosts.connect(to: host) {
        case .failure(let error): return Answer(host: host, fingerprint: .failure(error))
        case .success(let connection):
            let isKept = host.roles.contains(.master)
            let fingerprint = await connection.hostKeyFingerprint
            if !isKept { await connection.close() }
            return Answer(host: host, fingerprint: .success(fingerprint), connection: isKept ? connection : nil)
        }
    }

    private func subject(of host: StepKit.Inventory.Host) -> String { "\(host.name) over SSH" }

    private func finding(of answer: Answer) -> ProbeFinding {
        let host = answer.host
        switch answer.fingerprint {
        case .success(let fingerprint):
            let way = host.via.map { " through \($0)" } ?? ""
            return .ok(subject(of: host), found: "logged in as \(host.user)\(way), host key \(fingerprint)")
        case .failure(let error):
            return .failed(subject(of: host), error: error, redactor: redactor)
        }
    }

    private func apiFinding(of master: String, through connection: SSHConnection?) async -> ProbeFinding {
        let subject = "API server through \(master)"
        guard let connection else { return .skipped(subject, because: "not checked: no connection to \(master)") }
        let cluster = ClusterReader(
            shell: connection, kubeconfig: inventory.cluster.kubeconfig, requestTimeout: inventory.limits.service)
        do {
            let version = try await cluster.serverVersion()
            try await cluster.requireReady()
            return .ok(subject, found: "\(version), ready")
        } catch {
            return .failed(subject, error: error, redactor: redactor)
        }
    }
}

/// Calls `ask` for all `items` concurrently; returns the answers in their order.
func allAnswers<Item: Sendable, Answer: Sendable>(
    of items: [Item], ask: @escaping @Sendable (Item) async -> Answer
) async -> [Answer] {
    let questions = items.map { item in Task { await ask(item) } }
    var answers: [Answer] = []
    for question in questions { answers.append(await question.value) }
    return answers
}
