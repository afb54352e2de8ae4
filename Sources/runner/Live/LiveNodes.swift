import ClientKit
import Kubernetes
import SSH
import StepKit

/// The connections to the Kubernetes nodes: which of them are lost, and which masters serve.
actor LiveNodes {
    private let inventory: StepKit.Inventory
    private let hosts: LiveHosts
    private var connections: [SSHConnection]
    private var absent: [AbsentNode]
    /// Masters whose host responds, but not its API server.
    private var withoutAPI: [String: any ExplainedError] = [:]
    /// Hosts that were connected to again since somebody got the connections: what is reported lost of them may be the
    /// connection before.
    private var renewed: Set<String> = []
    /// The renewal of the Lease and the step beside it may both want a master back.
    private let askings = AttemptQueue()

    init(_ inventory: StepKit.Inventory, hosts: LiveHosts, connections: [SSHConnection], absent: [AbsentNode]) {
        self.inventory = inventory
        self.hosts = hosts
        self.connections = connections
        self.absent = absent
    }

    /// The connected masters.
    var masters: [SSHConnection] { connections.filter { isMaster($0.hostName) } }
    /// Those whose API servers are not given up.
    var usableMasters: [SSHConnection] { masters.filter { withoutAPI[$0.hostName] == nil } }

    /// What is wrong with the masters that cannot be used.
    var failuresOfMasters: [any ExplainedError] {
        absent.filter { isMaster($0.name) }.map(\.failure) + withoutAPI.sorted { $0.key < $1.key }.map(\.value)
    }

    /// The connections for a step, and the nodes that have none.
    func handOut() -> (connections: [SSHConnection], absent: [AbsentNode]) {
        renewed = []
        return (connections, absent)
    }

    /// What was given up, in words.
    struct Loss {
        var words: [String] = []
        /// Whether a host was connected to again.
        var isReturn = false
    }

    /// Gives up the hosts and the masters' API servers that are lost.
    ///
    /// With `mayReturn`, a host that has only closed its connection, as where its sshd is restarted, is connected to again;
    /// one that has gone silent would delay the run for nothing.
    func giveUp(
        _ lost: [String: any ExplainedError], apiServers: [String: any ExplainedError], mayReturn: Bool
    ) async throws -> Loss {
        var loss = Loss()
        var ended: [(name: String, way: String)] = []
        var mayBeUp: Set<String> = []
        for (name, failure) in lost.sorted(by: { $0.key < $1.key }) {
            guard let connection = connections.first(where: { $0.hostName == name }) else { continue }
            let isNew = renewed.remove(name) != nil
            let isOpen = await connection.isOpen
            guard connections.contains(where: { $0 === connection }) else {
                // Another task has made it again meanwhile.
                if mayReturn, renewed.remove(name) != nil {
                    loss.isReturn = true
                    loss.words.append(Self.madeAgain(name))
                }
                continue
            }
            if isNew, isOpen, mayReturn {
                loss.isReturn = true
                loss.words.append(Self.madeAgain(name))
                continue
            }
            if connection.wasClosed { mayBeUp.insert(name) }
            ended.append((name, connection.lostJumpHost.map { " through the jump host \($0)" } ?? ""))
            connections.removeAll { $0 === connection }
            absent.append(AbsentNode(name: name, failure: failure))
            await connection.close()
        }
        if mayReturn { _ = try await connect(mayBeUp) }
        for (name, way) in ended {
            let isBack = connections.contains { $0.hostName == name }
            if isBack { loss.isReturn = true }
            loss.words.append(isBack ? Self.madeAgain(name) : "\(name) no longer responds\(way)")
        }
        for (name, failure) in apiServers.sorted(by: { $0.key < $1.key }) where withoutAPI[name] == nil {
            withoutAPI[name] = failure
            loss.words.append("the API server of \(name) does not respond")
        }
        return loss
    }

    private static func madeAgain(_ name: String) -> String { "the connection to \(name) was lost and made again" }

    /// Asks all connected masters concurrently whether they are ready, since the others may have the same problem as a
    /// lost one, such as a lost etcd; one that was given up and is ready is used again where it is `forgiven`.
    func judgeMasters(forgiven: Bool = false) async {
        let masters = masters
        let (kubeconfig, limit) = (inventory.cluster.kubeconfig, inventory.limits.service)
        let answers = await results(of: masters) { master in
            try await ClusterReader(shell: master, kubeconfig: kubeconfig, requestTimeout: limit).requireReady()
        }
        for (master, answer) in zip(masters, answers) {
            switch answer {
            case .success where forgiven: withoutAPI[master.hostName] = nil
            case .failure(let error as any ExplainedError) where error.kind == .unreachable:
                withoutAPI[master.hostName] = error
            default: break
            }
        }
    }

    /// Asks the masters that were given up whether they serve again, those that are connected first; whether one does.
    func askMastersAgain() async throws -> Bool {
        try await askings.run { [self] in
            if await !usableMasters.isEmpty { return true }
            await judgeMasters(forgiven: true)
            if await !usableMasters.isEmpty { return true }
            guard try await connectLostMasters() else { return false }
            await judgeMasters(forgiven: true)
            return await !usableMasters.isEmpty
        } sharing: { _ in
            false
        }
    }

    /// Connects again to the masters whose connections are lost; whether that worked for one.
    func reconnectMasters() async throws -> Bool {
        try await askings.run { [self] in
            try await connectLostMasters()
        } sharing: { _ in
            false
        }
    }

    /// Ends all connections.
    func close() async {
        let ended = connections
        connections = []
        for connection in ended { await connection.close() }
    }

    private func connectLostMasters() async throws -> Bool {
        var lost = Set(absent.map(\.name).filter(isMaster))
        for master in masters where await !master.isOpen { lost.insert(master.hostName) }
        return try await connect(lost)
    }

    /// Connects to these hosts; whether that worked for one.
    ///
    /// As when a run begins, a host whose key is wrong is never passed over.
    private func connect(_ names: Set<String>) async throws -> Bool {
        let hosts = hosts
        let lost = inventory.nodes.filter { names.contains($0.name) }
        let answers = await results(of: lost) { try await hosts.connect(to: $0).get() }
        var refusal: SSHError?
        for (host, answer) in zip(lost, answers) {
            switch answer {
            case .success(let connection): await adopt(connection)
            case .failure(let error as SSHError):
                if error.phase == .hostKey, error.kind == .refused { refusal = error }
                guard let index = absent.firstIndex(where: { $0.name == host.name }) else { continue }
                absent[index] = AbsentNode(name: host.name, failure: error)
            case .failure(let error): throw error
            }
        }
        if let refusal { throw refusal }
        return answers.contains { if case .success = $0 { true } else { false } }
    }

    private func adopt(_ connection: SSHConnection) async {
        let name = connection.hostName
        let before = connections.filter { $0.hostName == name }
        for present in before {
            // Another task was faster, and a command may be under way through its connection.
            if await present.isOpen { return await connection.close() }
        }
        connections.removeAll { $0.hostName == name }
        connections.append(connection)
        absent.removeAll { $0.name == name }
        withoutAPI[name] = nil
        renewed.insert(name)
        for old in before { await old.close() }
    }

    private func isMaster(_ name: String) -> Bool { inventory.masters.contains { $0.name == name } }
}
