import ClientKit
import Journal
import Kubernetes
import SSH
import StepKit

/// Asks everything that an inventory names whether it is there and lets us in; changes nothing.
struct InventoryProbe: Sendable {
    private typealias Answer = (host: StepKit.Inventory.Host, result: Result<SSHConnection, SSHError>)

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

    /// Asks: the hosts at once, then at once all that may need one of them.
    func run() async -> ProbeResult {
        let credentialsSubject = "credentials in \(inventory.credentials.directory)"
        var findings: [ProbeFinding] = []
        var access: (Credentials, GeneratedSecretsStore)?
        do {
            access = try await LiveProvider.credentials(
                of: inventory, for: Runner.modules.described(by: inventory), redactor: redactor)
            findings.append(.ok(credentialsSubject, found: "readable by their owner only"))
        } catch {
            findings.append(.failed(credentialsSubject, error: error, redactor: redactor))
        }
        // Nothing connects to an operator's host, unless others are behind it or it keeps the backups.
        let asked = inventory.hosts.filter {
            $0.roles != [.operator] || hosts.jumpHostNames.contains($0.name) || $0.name == inventory.backup?.host
        }
        let answers = await hosts.connect(to: asked)
        var fingerprints: [String: String] = [:]
        var connections: [String: SSHConnection] = [:]
        for case (let host, .success(let connection)) in answers {
            connections[host.name] = connection
            fingerprints[host.name] = await connection.hostKeyFingerprint
        }
        findings += inventory.hosts.map {
            sessionFinding(of: $0, answers: answers, fingerprints: fingerprints)
        }
        let masters = inventory.masters.map { ($0.name, connections[$0.name]) }
        let served = await allAnswers(of: masters) { name, connection in
            await apiFinding(of: name, through: connection)
        }
        findings += served
        findings += await ServiceProbe(
            inventory, redactor: redactor, access: access, hosts: hosts, master: masters.compactMap(\.1).first
        ).findings()
        for connection in connections.values { await connection.close() }
        await hosts.close()
        return ProbeResult(findings, hasMaster: served.contains { $0.diagnosis.verdict == .ok })
    }

    private func sessionFinding(
        of host: StepKit.Inventory.Host, answers: [Answer], fingerprints: [String: String]
    ) -> ProbeFinding {
        let subject = "\(host.name) over SSH"
        switch answers.first(where: { $0.host.name == host.name })?.result {
        case nil: return .skipped(subject, because: "not checked: no step connects to an operator's host")
        case .success:
            let way = host.via.map { " through \($0)" } ?? ""
            return .ok(subject, found: "logged in as \(host.user)\(way), host key \(fingerprints[host.name] ?? "")")
        case .failure(let error):
            let jump = answers.first { $0.host.name == error.hostName && $0.host.name != host.name }
            if case .failure = jump?.result {
                return .skipped(
                    subject,
                    because: "not checked: the connection to its jump host \(error.hostName) failed")
            }
            return .failed(subject, error: error, redactor: redactor)
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

/// Asks all of `items` at once; the answers in their order.
func allAnswers<Item: Sendable, Answer: Sendable>(
    of items: [Item], ask: @escaping @Sendable (Item) async -> Answer
) async -> [Answer] {
    let questions = items.map { item in Task { await ask(item) } }
    var answers: [Answer] = []
    for question in questions { answers.append(await question.value) }
    return answers
}
