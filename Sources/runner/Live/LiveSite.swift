import ClientKit
import Engine
import Foundation
import Journal
import Kubernetes
import SSH
import StepKit

/// The one place where live clients are put together: SSH to every node, kubectl over the master in use, PostgreSQL and Redis.
struct LiveProvider: SiteProvider {
    let inventory: Inventory
    let module: String
    let redactor: Redactor
    let passphrase: @Sendable (String) async -> Secret?

    func open(observer: any ActivityObserver) async throws -> any OpenSite {
        let redactor = redactor
        let directory = CredentialsDirectory(path: inventory.credentials.directory)
        let credentials = try await offThePool { try directory.load() }
        for secret in credentials.allSecrets { redactor.add(secret) }
        let generated = GeneratedSecretsStore(directory: directory, file: credentials.chatwoot) { redactor.add($0) }

        var connections: [SSHConnection] = []
        var absent: [AbsentNode] = []
        var refusals: [any ExplainedError] = []
        for (host, result) in await connect(observer) {
            switch result {
            case .success(let connection): connections.append(connection)
            case .failure(let error) where error.kind == .unreachable:
                absent.append(AbsentNode(name: host.name, failure: error))
            case .failure(let error): refusals.append(error)
            }
        }
        let masters = Set(inventory.masters.map(\.name))
        do {
            // A host that is not who it says it is, or does not know us, is never passed over.
            guard refusals.isEmpty else { throw CombinedFailure("connect to the Kubernetes nodes", refusals) }
            guard let master = connections.first(where: { masters.contains($0.hostName) }) else {
                throw NoMasterLeft(failures: absent.filter { masters.contains($0.name) }.map(\.failure))
            }
            let services = LiveDataServices(
                inventory: inventory, credentials: credentials, observer: observer, tunnel: master)
            return LiveSite(
                inventory: inventory, credentials: credentials, generated: generated, services: services,
                connections: connections, absent: absent, observer: observer, module: module)
        } catch {
            for connection in connections { await connection.close() }
            throw error
        }
    }

    /// Connects to every node at once; each host with its connection or the error, in the inventory's order.
    private func connect(
        _ observer: any ActivityObserver
    ) async -> [(StepKit.Inventory.Host, Result<SSHConnection, SSHError>)] {
        let hosts = inventory.nodes
        var attempts: [Task<Result<SSHConnection, SSHError>, Never>] = []
        for host in hosts {
            let destination = SSHDestination(host, of: inventory)
            let passphrase = passphrase
            attempts.append(Task { await Self.connect(to: destination, observer, passphrase) })
        }
        var answers: [(StepKit.Inventory.Host, Result<SSHConnection, SSHError>)] = []
        for (host, attempt) in zip(hosts, attempts) {
            let answer = await withTaskCancellationHandler {
                await attempt.value
            } onCancel: {
                attempt.cancel()
            }
            answers.append((host, answer))
        }
        return answers
    }

    private static func connect(
        to destination: SSHDestination, _ observer: any ActivityObserver,
        _ passphrase: @escaping @Sendable (String) async -> Secret?
    ) async -> Result<SSHConnection, SSHError> {
        do {
            return .success(try await SSHConnection.open(to: destination, observer: observer, passphrase: passphrase))
        } catch {
            return .failure(error)
        }
    }
}

/// No master answers: nothing can be done.
struct NoMasterLeft: ExplainedError {
    let failures: [any ExplainedError]
    var attempt: String { "reach a Kubernetes master" }
    var host: String? { nil }
    var cause: String { "none answers:\n  " + failures.map(\.description).joined(separator: "\n  ") }
    var remedy: String { "start a master or mend the way to it, then `runner resume`" }
    var kind: FailureKind { .noMaster }
}

extension SSHDestination {
    /// The destination of an inventory host.
    init(_ host: StepKit.Inventory.Host, of inventory: Inventory) {
        let identity: Identity =
            switch inventory.ssh.identity {
            case .file(let path): .keyFile(path)
            case .agent(let publicKey): .agent(publicKey: publicKey)
            }
        var limits = Limits()
        limits.connect = inventory.limits.connect
        self.init(
            name: host.name, address: host.address, port: UInt16(clamping: host.port), user: host.user,
            identity: identity, knownHosts: inventory.ssh.knownHosts, limits: limits)
    }
}

/// The connected platform; an actor, since the master in use changes when one is lost.
actor LiveSite: OpenSite {
    private let inventory: Inventory
    private let credentials: Credentials
    private let generated: GeneratedSecretsStore
    private let services: LiveDataServices
    private let observer: any ActivityObserver
    private var connections: [SSHConnection]
    private var absent: [AbsentNode]
    /// Masters whose host answers and whose API server does not.
    private var withoutAPI: [String: any ExplainedError] = [:]
    private var lease: HeldLease?
    private var observedLease: LeaseObservation?
    private let facts = ClusterFacts()
    private static let leaseDuration = Duration.seconds(60)
    private let module: String

    init(
        inventory: Inventory, credentials: Credentials, generated: GeneratedSecretsStore, services: LiveDataServices,
        connections: [SSHConnection], absent: [AbsentNode], observer: any ActivityObserver, module: String
    ) {
        self.module = module
        self.inventory = inventory
        self.credentials = credentials
        self.generated = generated
        self.services = services
        self.connections = connections
        self.absent = absent
        self.observer = observer
    }

    func site(reporter: Reporter) async throws -> WritableSite {
        let master = try masterInUse()
        var nodes: [ReadableNode] = []
        for connection in connections { nodes.append(await node(connection)) }
        let writer = writer(master)
        return WritableSite(
            reading: ReadableSite(
                inventory: inventory, credentials: credentials,
                cluster: writer.reader.answering(from: facts.clusterSurvey),
                master: await node(master),
                nodes: nodes, absentNodes: absent, services: services, generated: generated,
                facts: facts, reporter: reporter),
            cluster: writer)
    }

    func giveUp(after error: any ExplainedError) async throws -> String? {
        let lost = error.lostHosts
        var words: [String] = []
        for connection in connections where lost.hosts[connection.hostName] != nil {
            guard let failure = lost.hosts[connection.hostName] else { continue }
            await connection.close()
            absent.append(AbsentNode(name: connection.hostName, failure: failure))
            words.append("\(connection.hostName) does not answer any more")
        }
        connections.removeAll { lost.hosts[$0.hostName] != nil }
        for (name, failure) in lost.apiServers where withoutAPI[name] == nil {
            withoutAPI[name] = failure
            words.append("the API server of \(name) does not answer")
        }
        guard !words.isEmpty else { return nil }
        let master = try masterInUse()
        await services.tunnel(through: master)
        return words.joined(separator: ", ") + ", going on through \(master.hostName)"
    }

    func observeLease() async throws {
        observedLease = nil
        observedLease = try await leaseWriter().reader.observeLease(ofModule: module)
    }

    func takeLease(run: String, superseded: Set<String>) async throws -> LeaseTaking {
        let origin = Origin.current()
        let held = try await leaseWriter().acquireLease(
            ofModule: module, holder: "\(origin.user)@\(origin.machine) \(origin.pid)", runID: run,
            duration: Self.leaseDuration, supersededRuns: superseded, observed: observedLease)
        lease = held
        if !held.isUndisturbed {
            await facts.forgetLookAhead()
            await generated.forget()
        }
        return LeaseTaking(
            takenOverFrom: held.takenOverFrom.map { "\($0.holder ?? "nobody"), run \($0.runID ?? "unknown")" },
            duration: Self.leaseDuration)
    }

    func renewLease(auditHead: String) async throws {
        guard let lease else { return }
        self.lease = try await leaseWriter().renew(lease, auditHead: auditHead)
    }

    func releaseLease(auditHead: String) async throws {
        guard let lease else { return }
        self.lease = nil
        try await leaseWriter().release(lease, auditHead: auditHead)
    }

    func close() async {
        await services.close()
        for connection in connections { await connection.close() }
        connections = []
    }

    private func isMaster(_ name: String) -> Bool { inventory.masters.contains { $0.name == name } }

    private var usableMasters: [SSHConnection] {
        connections.filter { isMaster($0.hostName) && withoutAPI[$0.hostName] == nil }
    }

    private func leaseWriter() throws -> ClusterWriter {
        writer(try masterInUse())
    }

    private func masterInUse() throws -> SSHConnection {
        guard let master = usableMasters.first else {
            throw NoMasterLeft(failures: absent.filter { isMaster($0.name) }.map(\.failure) + withoutAPI.values)
        }
        return master
    }

    private func writer(_ master: SSHConnection) -> ClusterWriter {
        ClusterWriter(shell: master, kubeconfig: inventory.cluster.kubeconfig)
    }

    private func node(_ connection: SSHConnection) async -> ReadableNode {
        ReadableNode(
            name: connection.hostName, address: connection.destination.address, shell: connection,
            survey: await facts.survey(ofNode: connection.hostName))
    }
}
