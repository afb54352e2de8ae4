import ClientKit
import SSH
import StepKit

/// Connections to the hosts of the inventory: direct, or through jump hosts, whose sessions are
/// shared by all hosts behind them.
struct LiveHosts: Sendable {
    private let inventory: StepKit.Inventory
    private let observer: any ActivityObserver
    private let passphrase: @Sendable (String) async -> Secret?
    private let jumpHosts: [String: JumpHost]
    private let window: LoginWindow

    /// Connects nothing yet.
    init(
        _ inventory: StepKit.Inventory, observer: any ActivityObserver,
        passphrase: @escaping @Sendable (String) async -> Secret?
    ) {
        self.inventory = inventory
        window = LoginWindow(limit: inventory.limits.logins)
        self.observer = observer
        self.passphrase = passphrase
        var jumpHosts: [String: JumpHost] = [:]
        // The inventory has been checked for loops of jump hosts.
        func jumpHost(_ name: String) -> JumpHost? {
            if let known = jumpHosts[name] { return known }
            guard let host = inventory.hosts.first(where: { $0.name == name }) else { return nil }
            let made = JumpHost(
                SSHDestination(host, of: inventory), through: host.via.flatMap(jumpHost), observer: observer,
                passphrase: passphrase)
            jumpHosts[name] = made
            return made
        }
        for host in inventory.hosts { _ = host.via.flatMap(jumpHost) }
        self.jumpHosts = jumpHosts
    }

    /// The names of the jump hosts.
    var jumpHostNames: Set<String> { Set(jumpHosts.keys) }

    /// Connects to `hosts` concurrently; returns the connection or the error of each, in their
    /// order.
    func connect(
        to hosts: [StepKit.Inventory.Host]
    ) async -> [(host: StepKit.Inventory.Host, result: Result<SSHConnection, SSHError>)] {
        var results: [String: Result<SSHConnection, SSHError>] = [:]
        await ask(hosts) {
            await ($0.name, connect(to: $0))
        } answered: {
            results[$0.0] = $0.1
        }
        return hosts.compactMap { host in results[host.name].map { (host, $0) } }
    }

    /// Calls `ask` for `hosts` concurrently; `answered` gets each answer as soon as it arrives.
    func ask<Answer: Sendable>(
        _ hosts: [StepKit.Inventory.Host], _ question: @escaping @Sendable (StepKit.Inventory.Host) async -> Answer,
        answered: (Answer) throws -> Void
    ) async rethrows {
        try await withTaskCancellationHandler {
            try await withThrowingTaskGroup(of: Answer.self) { group in
                for host in hosts { group.addTask { await question(host) } }
                for try await answer in group { try answered(answer) }
            }
        } onCancel: {
            Task { await close() }
        }
    }

    /// Closes the sessions to the jump hosts, and thus all connections through them.
    func close() async {
        for jumpHost in jumpHosts.values { await jumpHost.close() }
    }

    /// Connects to one host.
    func connect(to host: StepKit.Inventory.Host) async -> Result<SSHConnection, SSHError> {
        do throws(SSHError) {
            return .success(
                try await SSHConnection.open(
                    to: SSHDestination(host, of: inventory), through: host.via.flatMap { jumpHosts[$0] },
                    window: window, observer: observer, passphrase: passphrase))
        } catch {
            return .failure(error)
        }
    }

    /// A function that opens another session to `host` for the duration of its argument.
    func newSession(to host: StepKit.Inventory.Host) -> NodeReader.NewSession {
        { use in
            let session = try await connect(to: host).get()
            try await withCleanup({ await session.close() }, after: { try await use(session) })
        }
    }
}

extension SSHDestination {
    /// The destination of an inventory host.
    init(_ host: StepKit.Inventory.Host, of inventory: Inventory) {
        var limits = Limits()
        limits.connect = inventory.limits.connect
        limits.silence = inventory.limits.silence
        // Three keepalives without an answer.
        limits.keepaliveInterval = inventory.limits.silence.duration / 3
        limits.agent = inventory.limits.agent
        limits.cancellation = inventory.limits.interrupt.duration
        limits.command = inventory.limits.command
        limits.lock = inventory.limits.lock
        self.init(
            name: host.name, address: host.address, port: UInt16(clamping: host.port), user: host.user,
            identity: Identity(inventory.ssh.identity), knownHosts: inventory.ssh.knownHosts, limits: limits,
            become: host.become == .sudo ? .sudo : nil)
    }
}

extension SSHDestination.Identity {
    /// The key that the inventory names.
    init(_ identity: Inventory.SSHSettings.Identity) {
        self =
            switch identity {
            case .file(let path): .keyFile(path)
            case .agent(let publicKey): .agent(publicKey: publicKey)
            }
    }
}
