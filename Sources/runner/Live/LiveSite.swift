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
    private let nodes: LiveNodes
    private var lease: HeldLease?
    private var observedLease: LeaseObservation?
    /// The master through which the Lease was last written.
    private var masterOfLease: String?
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
    /// Who holds the lease, as others read it.
    private static let holder: String = {
        let origin = Origin.current()
        return "\(origin.user)@\(origin.machine) \(origin.pid)"
    }()
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
        nodes = LiveNodes(inventory, hosts: hosts, connections: connections, absent: absent)
        self.observer = observer
    }

    /// Switches to the first master that responds; throws if none does.
    func chooseMaster() async throws {
        await services.tunnel(through: try await masterInUse())
    }

    func site(reporter: Reporter) async throws -> SiteWriter {
        let master = try await masterInUse()
        let (connections, absent) = await self.nodes.handOut()
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

    func failOver(after error: any ExplainedError, mayReturn: Bool) async throws -> Failover? {
        var lost = error.lostHosts.hosts
        if lost.isEmpty, let tunnel = await services.lostTunnel(after: error) { lost[tunnel.hostName] = tunnel }
        let apiServers = error.lostHosts.apiServers
        let loss = try await nodes.giveUp(lost, apiServers: apiServers, mayReturn: mayReturn)
        guard !loss.words.isEmpty else { return nil }
        if !apiServers.isEmpty { await nodes.judgeMasters() }
        var isBack = false
        if mayReturn, await nodes.usableMasters.isEmpty { isBack = try await awaitMaster() }
        // What was read of a host before it was away may no longer be so.
        if isBack || loss.isReturn { await prefetch.forget() }
        try await chooseMaster()
        return Failover(
            loss.words.joined(separator: ", ")
                + ", continuing through \(try await masterInUse().hostName)\(isBack ? ", which serves again" : "")",
            isReturn: isBack || loss.isReturn)
    }

    /// Asks the masters that were given up again, until one serves or the limit is over; whether one does.
    private func awaitMaster() async throws -> Bool {
        // Before the Lease is taken nothing has begun, and the operator reads at once what is wrong.
        guard lease != nil else { return try await nodes.askMastersAgain() }
        let (nodes, limit) = (nodes, inventory.limits.master)
        let isBack = try await poll(within: limit.duration, every: .seconds(1)) { _ in
            try await nodes.askMastersAgain()
        }
        guard isBack else { throw NoMasterLeft(failures: await nodes.failuresOfMasters, waited: limit) }
        return true
    }

    func observeLease(for run: String) async throws -> (lastTurn: LeaseTurn?, isHeld: Bool, isThere: Bool) {
        // What was read since is of a time before this look.
        if observedLease != nil { await forgetReadings() }
        observedLease = nil
        let observed = try await leaseWriter(masterInUse()).reader.observeLease(ofModule: moduleName)
        observedLease = observed
        return (observed.lastTurn(besides: run), observed.isHeld(besides: run), observed.isThere)
    }

    func takeLease(run: String, step: String?) async throws -> LeaseTaking {
        let held = try await leaseWriter(masterInUse()).acquireLease(
            ofModule: moduleName, holder: Self.holder, runID: run, step: step, duration: Self.leaseDuration,
            observed: observedLease)
        lease = held
        if !held.isUndisturbed { await forgetReadings() }
        return LeaseTaking(
            takenOverFrom: held.takenOverFrom.map { "\($0.holder ?? "nobody"), run \($0.runID ?? "unknown")" },
            duration: Self.leaseDuration, number: held.record.number, runBefore: held.before?.runID,
            headBefore: held.before?.auditHead, lastTurn: held.record.before)
    }

    private func forgetReadings() async {
        await prefetch.forget()
        await prefetch.forgetImages()
        await generated.forget()
    }

    func renewLease(step: String?, auditHead: String) async throws {
        guard let lease else { return }
        let renew: @Sendable (ClusterWriter) async throws -> HeldLease = { writer in
            try await writer.renew(lease, step: step, auditHead: auditHead)
        }
        let before = await nodes.masters.map(ObjectIdentifier.init)
        do {
            self.lease = try await throughAnyMaster(renew)
        } catch let error as any ExplainedError where !error.lostHosts.isEmpty && !Task.isCancelled {
            // The step may not need a master for so long that one after another closes its connection, also where the error is
            // about the API server of another; or the step has connected to them again meanwhile.
            let isBack = try await nodes.reconnectMasters()
            let now = await nodes.masters.map(ObjectIdentifier.init)
            guard isBack || now != before else { throw error }
            self.lease = try await throughAnyMaster(renew)
        }
    }

    func releaseLease(auditHead: String) async throws {
        guard let lease else { return }
        self.lease = nil
        try await throughAnyMaster { writer in try await writer.release(lease, auditHead: auditHead) }
    }

    func releaseLease(takenFor run: String) async throws {
        lease = nil
        try await throughAnyMaster { [moduleName] writer in
            _ = try await writer.releaseLease(ofModule: moduleName, holder: Self.holder, runID: run)
        }
    }

    func witnesses() async -> [any HeadWitness] {
        await nodes.masters.map { HeadFile(on: $0, within: inventory.limits.service) }
    }

    func close() async {
        await services.close()
        await nodes.close()
        await hosts.close()
    }

    private func leaseWriter(_ master: SSHConnection) -> ClusterWriter {
        writer(master).quick(Self.leaseRequest, margin: Self.leaseMargin)
    }

    /// What `request` about the Lease answers, through the master in use, or the next one where that is lost: the step may
    /// wait for another host, as for a backup, and not notice it within the term.
    private func throughAnyMaster<Answer: Sendable>(
        _ request: @Sendable (ClusterWriter) async throws -> Answer
    ) async throws -> Answer {
        var usable = await nodes.usableMasters
        // One that hangs would cost each renewal the request's limit again.
        if let last = usable.firstIndex(where: { $0.hostName == masterOfLease }) {
            usable.insert(usable.remove(at: last), at: 0)
        }
        // An API server that was given up may serve again since.
        let others = await nodes.masters.filter { master in !usable.contains { $0 === master } }
        var failure: (any ExplainedError)?
        for master in usable + others {
            do {
                let answer = try await request(leaseWriter(master))
                masterOfLease = master.hostName
                return answer
            } catch let error as any ExplainedError where !error.lostHosts.isEmpty && !Task.isCancelled {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
        return try await request(leaseWriter(masterInUse()))
    }

    private func masterInUse() async throws -> SSHConnection {
        guard let master = await nodes.usableMasters.first else {
            throw NoMasterLeft(failures: await nodes.failuresOfMasters)
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
