import ClientKit
import Engine
import Journal
import Kubernetes
import SSH
import StepKit

/// The connected platform; an actor, since the master in use changes when one is lost.
actor LiveSite: OpenSite {
    private let inventory: Inventory
    private let credentials: Credentials
    private let generated: GeneratedSecretsStore
    private let hosts: LiveHosts
    private let services: LiveDataServices
    private let observer: any ActivityObserver
    private var connections: [SSHConnection]
    private var absent: [AbsentNode]
    /// Masters whose host responds, but not its API server.
    private var withoutAPI: [String: any ExplainedError] = [:]
    private var lease: HeldLease?
    private var observedLease: LeaseObservation?
    private let prefetch = Prefetch()
    /// The term of the module's Lease.
    ///
    /// No limit of the inventory: nothing of this platform waits for it, only an operator elsewhere
    /// does, after this machine is lost, and two inventories of one platform must not promise two
    /// things. Shorter, a pause of the API server or of this machine would end runs.
    private static let leaseDuration = Duration.seconds(60)
    /// How long a request about the Lease may take, whatever `limits.service` is.
    ///
    /// A renewal begins a quarter of the term after the last one. This and ``leaseMargin`` on top end
    /// before the term does, with an error that names the API server.
    private static let leaseRequest = leaseDuration / 2
    private static let leaseMargin = leaseDuration / 6
    private let module: StepKit.Module
    /// The module in the lease's name.
    private var moduleName: String { String(module.number) }

    init(
        inventory: Inventory, credentials: Credentials, generated: GeneratedSecretsStore, hosts: LiveHosts,
        connections: [SSHConnection], absent: [AbsentNode], observer: any ActivityObserver, module: StepKit.Module
    ) {
        self.module = module
        self.inventory = inventory
        self.credentials = credentials
        self.generated = generated
        self.hosts = hosts
        services = LiveDataServices(
            inventory: inventory, credentials: credentials, hosts: hosts, observer: observer)
        self.connections = connections
        self.absent = absent
        self.observer = observer
    }

    /// Switches to the first master that responds; throws if none does.
    func chooseMaster() async throws {
        await services.tunnel(through: try masterInUse())
    }

    func site(reporter: Reporter) async throws -> SiteWriter {
        let master = try masterInUse()
        var nodes: [NodeReader] = []
        for connection in connections { nodes.append(await node(connection)) }
        let writer = writer(master).answering(from: prefetch.cluster)
        return SiteWriter(
            reader: SiteReader(
                module: module, inventory: inventory, credentials: credentials,
                cluster: writer.reader,
                master: await node(master),
                nodes: nodes, absentNodes: absent, services: services, generated: generated,
                prefetch: prefetch, reporter: reporter),
            cluster: writer)
    }

    func failOver(after error: any ExplainedError) async throws -> String? {
        var lost = error.lostHosts.hosts
        if lost.isEmpty, let tunnel = await services.lostTunnel(after: error) { lost[tunnel.hostName] = tunnel }
        var words: [String] = []
        for connection in connections {
            guard let failure = lost[connection.hostName] else { continue }
            let way = connection.lostJumpHost.map { " through the jump host \($0)" } ?? ""
            await connection.close()
            absent.append(AbsentNode(name: connection.hostName, failure: failure))
            words.append("\(connection.hostName) no longer responds\(way)")
        }
        connections.removeAll { lost[$0.hostName] != nil }
        for (name, failure) in error.lostHosts.apiServers where withoutAPI[name] == nil {
            withoutAPI[name] = failure
            words.append("the API server of \(name) does not respond")
        }
        guard !words.isEmpty else { return nil }
        if !error.lostHosts.apiServers.isEmpty { await leaveMastersThatCannotServe() }
        try await chooseMaster()
        return words.joined(separator: ", ") + ", continuing through \(try masterInUse().hostName)"
    }

    func observeLease() async throws {
        observedLease = nil
        observedLease = try await leaseWriter().reader.observeLease(ofModule: moduleName)
    }

    func takeLease(run: String) async throws -> LeaseTaking {
        let origin = Origin.current()
        let held = try await leaseWriter().acquireLease(
            ofModule: moduleName, holder: "\(origin.user)@\(origin.machine) \(origin.pid)", runID: run,
            duration: Self.leaseDuration, observed: observedLease)
        lease = held
        var before: (run: String, head: String)?
        if let run = held.before?.runID, let head = held.before?.auditHead { before = (run, head) }
        if !held.isUndisturbed {
            await prefetch.forget()
            await generated.forget()
        }
        return LeaseTaking(
            takenOverFrom: held.takenOverFrom.map { "\($0.holder ?? "nobody"), run \($0.runID ?? "unknown")" },
            duration: Self.leaseDuration, number: held.record.number, before: before)
    }

    func renewLease(step: String?, auditHead: String) async throws {
        guard let lease else { return }
        self.lease = try await throughAnyMaster { writer in
            try await writer.renew(lease, step: step, auditHead: auditHead)
        }
    }

    func releaseLease(auditHead: String) async throws {
        guard let lease else { return }
        self.lease = nil
        try await throughAnyMaster { writer in try await writer.release(lease, auditHead: auditHead) }
    }

    func witnesses() -> [any HeadWitness] {
        connections.filter { isMaster($0.hostName) }.map { HeadFile(on: $0, within: inventory.limits.service) }
    }

    func close() async {
        await services.close()
        for connection in connections { await connection.close() }
        connections = []
        await hosts.close()
    }

    private func isMaster(_ name: String) -> Bool { inventory.masters.contains { $0.name == name } }

    private var usableMasters: [SSHConnection] {
        connections.filter { isMaster($0.hostName) && withoutAPI[$0.hostName] == nil }
    }

    /// Checks all masters concurrently, since the others may have the same problem as the lost one,
    /// such as a lost etcd.
    private func leaveMastersThatCannotServe() async {
        let masters = connections.filter { isMaster($0.hostName) }
        let (kubeconfig, limit) = (inventory.cluster.kubeconfig, inventory.limits.service)
        let answers = await results(of: masters) { master in
            try await ClusterReader(shell: master, kubeconfig: kubeconfig, requestTimeout: limit).requireReady()
        }
        for (master, answer) in zip(masters, answers) {
            guard case .failure(let error as any ExplainedError) = answer, error.kind == .unreachable else { continue }
            withoutAPI[master.hostName] = error
        }
    }

    private func leaseWriter(_ master: SSHConnection? = nil) throws -> ClusterWriter {
        writer(try master ?? masterInUse()).quick(Self.leaseRequest, margin: Self.leaseMargin)
    }

    /// What `request` about the Lease answers, through the master in use, or the next one where that is lost: the step may
    /// wait for another host, as for a backup, and not notice it within the term.
    private func throughAnyMaster<Answer: Sendable>(
        _ request: @Sendable (ClusterWriter) async throws -> Answer
    ) async throws -> Answer {
        var failure: (any ExplainedError)?
        for master in usableMasters {
            do {
                return try await request(leaseWriter(master))
            } catch let error as any ExplainedError where !error.lostHosts.isEmpty && !Task.isCancelled {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
        return try await request(leaseWriter())
    }

    private func masterInUse() throws -> SSHConnection {
        guard let master = usableMasters.first else {
            throw NoMasterLeft(
                failures: absent.filter { isMaster($0.name) }.map(\.failure)
                    + withoutAPI.sorted { $0.key < $1.key }.map(\.value))
        }
        return master
    }

    private func writer(_ master: SSHConnection) -> ClusterWriter {
        ClusterWriter(
            shell: master, kubeconfig: inventory.cluster.kubeconfig, requestTimeout: inventory.limits.service)
    }

    private func node(_ connection: SSHConnection) async -> NodeReader {
        let host = inventory.hosts.first { $0.name == connection.hostName }
        return NodeReader(
            name: connection.hostName, address: connection.destination.address, shell: connection,
            survey: await prefetch.survey(ofNode: connection.hostName), newSession: host.map(hosts.newSession(to:)),
            probeLimit: inventory.limits.probe)
    }
}
