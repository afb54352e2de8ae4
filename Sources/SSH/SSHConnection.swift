public import ClientKit
import Glibc

/// An SSH connection to a host that is logged in, with a few remote shells for commands, and forwards beside them.
///
/// The actor runs on one of a few threads for all connections, which also keep the sockets, the shells and the forwards
/// going between its jobs: nothing here blocks Swift's cooperative pool, and forwards move while commands run.
///
/// A command that is cut off by a timeout, a cancelled task or a lost connection has an *unknown* outcome, and goes on on
/// the host, under the host's lock if it changes something; a cancelled one gets ``SSHDestination/Limits/cancellation``
/// to end first. None ever takes such a cut for the end of its standard input: it is killed while that is still being sent.
public actor SSHConnection: RemoteShell {
    /// Where the connection goes to.
    public nonisolated let destination: SSHDestination
    let observer: any ActivityObserver
    /// How long each host has been up: clocks that nobody sets.
    let clocks: PeerClocks
    let loop: EventLoop
    let links: LinkGroup
    let pool: ShellPool
    /// Why the session is lost, for callers on other threads.
    private nonisolated let lost = Locked<LinkFailure?>(nil)

    /// What runs this connection.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    /// The inventory name of the host.
    public nonisolated var hostName: String { destination.name }
    /// The file whose lock changing commands hold.
    public nonisolated var lockFile: String? { destination.lock }
    /// The name of the jump host whose loss has ended this connection, if that is why it ended.
    public nonisolated var lostJumpHost: String? {
        if case .carrierLost(let name, _) = lost.withLock({ $0 }) { name } else { nil }
    }
    /// Whether the connection was lost by being ended or reset, here or to the jump host, and not by silence: the host may
    /// well accept another one.
    public nonisolated var wasClosed: Bool {
        switch lost.withLock({ $0 }) {
        case .closedByPeer, .disconnected, .socket, .carrierLost: true
        default: false
        }
    }

    /// `SHA256:…` of the host key that was verified.
    public var hostKeyFingerprint: String { links.hostKeyFingerprint }
    /// Whether the session is up as far as this side knows; no round trip is made.
    public var isOpen: Bool { links.primary != nil && loss == nil }

    /// Why commands can no longer be run.
    var loss: LinkFailure? { links.isClosed ? .closedHere : links.primary?.failure }

    /// Prepares a connection: nothing is sent before somebody asks for something.
    ///
    /// One that `isForJumps` opens sessions as they are needed, also in the place of one that was lost.
    init(
        to destination: SSHDestination, through: JumpHost?, isForJumps: Bool, observer: any ActivityObserver,
        passphrase: @escaping @Sendable (String) async -> Secret?
    ) throws(SSHError) {
        self.destination = destination
        self.observer = observer
        clocks = observer.clocks
        do {
            loop = try EventLoop()
        } catch {
            throw destination.linkError(.socket(error.code), in: .connect, attempt: "connect")
        }
        links = LinkGroup(
            to: destination, through: through, loop: loop, replacesLost: isForJumps, passphrase: passphrase)
        pool = ShellPool(limit: destination.limits.shells)
        loop.attach { [weak self] events in
            self?.assumeIsolated { $0.process(events) }
        }
    }

    isolated deinit {
        loop.stop()
    }

    /// Connects, verifies the host key, authenticates and starts a remote shell, or throws and leaves nothing behind.
    ///
    /// `passphrase` is asked at most once, before anything is sent, with the path of an encrypted key file. An error names
    /// the host that it is about: `destination`, or the jump host that it should be reached `through`. A login that
    /// waits for others of `window` has its whole limit afterwards.
    public static func open(
        to destination: SSHDestination, through: JumpHost? = nil, window: LoginWindow? = nil,
        observer: any ActivityObserver = IgnoringObserver(),
        passphrase: @escaping @Sendable (String) async -> Secret? = { _ in nil }
    ) async throws(SSHError) -> SSHConnection {
        let connection = try SSHConnection(
            to: destination, through: through, isForJumps: false, observer: observer, passphrase: passphrase)
        do {
            try await connection.start(taking: window?.place())
        } catch {
            await connection.close()
            throw error
        }
        return connection
    }

    private func start(taking place: sending LoginWindow.Place?) async throws(SSHError) {
        defer { place?.release() }
        let deadline = try await links.openPrimary(taking: place, isolation: self)
        try await openShell(until: deadline)
    }

    /// Ends the connection; a command in flight has an unknown outcome.
    public func close() async {
        links.close()
        noteLoss()
        loop.endWaits()
    }

    /// What happens on the connection's thread between the actor's jobs.
    private func process(_ events: [pollfd]) -> EventLoop.Request {
        var isMoving = false
        for link in links.links { isMoving = link.process(events) || isMoving }
        for shell in pool.shells where shell.isIdle && shell.isEnded { abandon(shell) }
        noteLoss()
        links.tidy()
        var request = EventLoop.Request()
        for link in links.links { link.addInterest(to: &request) }
        if isMoving { request.deadline = .now }
        return request
    }

    private func noteLoss() {
        guard let loss, lost.withLock({ $0 }) == nil else { return }
        lost.withLock { $0 = loss }
        pool.lose(loss)
    }

    /// Closes the channel of a shell that takes no more commands.
    func abandon(_ shell: ShellChannel) {
        if pool.remove(shell) { shell.close() }
    }

    /// A random text of 128 bits, which no output contains by accident; the remote shell reads it byte by byte.
    static func freshNonce() -> String {
        (0..<2).map { _ in String(UInt64.random(in: 0...UInt64.max), radix: 36) }.joined()
    }
}
