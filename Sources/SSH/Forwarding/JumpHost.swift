public import ClientKit

/// A host through which sessions to other hosts go, in a session to it that they share.
///
/// The session is opened when the first of them asks, verified and authenticated like any other, and without a remote
/// shell: a host that allows no commands can still be a jump host. A session that dies is replaced for later targets.
/// A target that does not answer keeps its session busy; others then use a further one, which is closed
/// when it is no longer needed.
public final class JumpHost: Sendable {
    private enum State {
        case unused
        case used(SSHConnection)
        case closed
    }

    /// The jump host itself.
    public let destination: SSHDestination
    /// How many jump hosts there are on the way, this one included.
    let hops: Int
    private let through: JumpHost?
    private let observer: any ActivityObserver
    private let passphrase: @Sendable (String) async -> Secret?
    private let state = Locked(State.unused)

    /// Nothing is connected yet.
    ///
    /// `through` is what this jump host itself is reached through.
    public init(
        _ destination: SSHDestination, through: JumpHost? = nil, observer: any ActivityObserver = IgnoringObserver(),
        passphrase: @escaping @Sendable (String) async -> Secret? = { _ in nil }
    ) {
        self.destination = destination
        self.through = through
        self.observer = observer
        self.passphrase = passphrase
        hops = 1 + (through?.hops ?? 0)
    }

    /// Ends its sessions and those inside them; no new ones are opened afterwards.
    public func close() async {
        let state = state.withLock { state in
            defer { state = .closed }
            return state
        }
        if case .used(let connection) = state { await connection.close() }
    }

    /// A connected socket that leads to `target`.
    func tunnel(to target: SSHDestination) async throws(SSHError) -> SSHConnection.Tunnel {
        try await connection().tunnel(to: target)
    }

    private func connection() throws(SSHError) -> SSHConnection {
        let result = state.withLock { state -> Result<SSHConnection, SSHError> in
            switch state {
            case .used(let connection): return .success(connection)
            case .closed:
                return .failure(destination.linkError(.closedHere, in: .connect, attempt: "connect"))
            case .unused:
                return Result { () throws(SSHError) in
                    let connection = try SSHConnection(
                        to: destination, through: through, isForJumps: true, observer: observer,
                        passphrase: passphrase)
                    state = .used(connection)
                    return connection
                }
            }
        }
        return try result.get()
    }
}
