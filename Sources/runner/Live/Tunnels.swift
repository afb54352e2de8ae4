import ClientKit
import SSH
import StepKit

/// Tunnels through a master, with a separate SSH session for each target.
///
/// While sshd tries to reach an address whose packets are dropped, which takes minutes, libssh2
/// opens no other channel of that session: nothing else may depend on it.
actor Tunnels {
    private let hosts: LiveHosts
    private var sessions: [String: SSHConnection] = [:]
    private var turns: [String: AttemptQueue] = [:]
    private var master: StepKit.Inventory.Host?

    init(_ hosts: LiveHosts) {
        self.hosts = hosts
    }

    /// Switches to `master`; tunnels through another one are closed.
    func lead(through master: StepKit.Inventory.Host?) async {
        guard master != self.master else { return }
        self.master = master
        await close()
    }

    /// A tunnel to `port` of `host`, as the master reaches it; for one connection.
    func forward(toHost host: String, port: UInt16) async throws -> LocalForward {
        guard let master else { throw NoMasterLeft(failures: []) }
        let place = "\(host) \(port)"
        let turn = turns[place] ?? AttemptQueue()
        turns[place] = turn
        return try await turn.run { [self] in
            let session = try await session(to: place, through: master)
            do throws(SSHError) {
                return try await session.forward(toHost: host, port: port)
            } catch {
                await drop(session, of: place)
                throw error
            }
        } sharing: { error in
            (error as? SSHError)?.phase == .channel
        }
    }

    /// Ends all sessions.
    func close() async {
        let ended = sessions.values
        sessions = [:]
        for session in ended { await session.close() }
    }

    private func session(
        to place: String, through master: StepKit.Inventory.Host
    ) async throws(SSHError) -> SSHConnection {
        if let known = sessions[place], await known.isOpen { return known }
        let session = try await hosts.connect(to: master).get()
        sessions[place] = session
        return session
    }

    private func drop(_ session: SSHConnection, of place: String) async {
        if sessions[place] === session { sessions[place] = nil }
        await session.close()
    }
}
