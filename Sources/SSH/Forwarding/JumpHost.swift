public import ClientKit

/// A host that sessions to others travel through, on one session to it that they share.
///
/// The session is opened when the first of them asks, verified and authenticated like any other, and without a remote shell:
/// what nobody may run commands on can still be a jump host. A host behind it that does not answer can keep libssh2 from
/// opening further ways for minutes; those that come later then travel on another session.
public actor JumpHost {
    /// The jump host itself.
    public nonisolated let destination: SSHDestination
    /// How many jump hosts lie on the way, this one included.
    nonisolated let hops: Int
    private let through: JumpHost?
    private let observer: any ActivityObserver
    private let passphrase: @Sendable (String) async -> Secret?
    private let lock = AsyncLock()
    private var current: Task<Result<SSHConnection, SSHError>, Never>?
    private var sessions: [SSHConnection] = []
    private var isClosed = false

    /// Names the way; nothing is connected yet.
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

    /// Ends its sessions, and with them those that travel on them; afterwards nothing goes through it any more.
    public func close() async {
        isClosed = true
        current?.cancel()
        for session in sessions { await session.close() }
        sessions = []
    }

    /// A connected socket that leads to `target`, and the session that it depends on.
    func tunnel(to target: SSHDestination) async throws(SSHError) -> (session: SSHConnection, socket: Int32) {
        // libssh2 opens one channel of a session at a time.
        await lock.acquire(isolation: self)
        defer { lock.release() }
        let session = try await session()
        switch await session.tunnel(toHost: target.address, port: target.port) {
        case .success(let socket): return (session, socket)
        case .failure(let failure):
            if case .timedOut = failure {
                current = nil
                // Where it is the jump host that does not answer, this is what says so.
                _ = try await self.session()
            }
            throw error(failure, target: target)
        }
    }

    private func session() async throws(SSHError) -> SSHConnection {
        guard !isClosed, !Task.isCancelled else {
            throw destination.failure(
                .connect, "connect", cause: LinkFailure.closedHere.explanation, remedy: "run it again", kind: .failed)
        }
        if let current { return try await result(of: current) }
        let opening = Task { [destination, through, observer, passphrase] in
            do throws(SSHError) {
                return Result<SSHConnection, SSHError>.success(
                    try await SSHConnection.open(
                        to: destination, through: through, withShell: false, observer: observer, passphrase: passphrase)
                )
            } catch {
                return .failure(error)
            }
        }
        current = opening
        let session = try await result(of: opening)
        sessions.append(session)
        if isClosed { await session.close() }
        return session
    }

    /// Errors about the way are told to those who asked for a host behind it, so they say what this host is there.
    private func result(of opening: Task<Result<SSHConnection, SSHError>, Never>) async throws(SSHError)
        -> SSHConnection
    {
        do throws(SSHError) {
            return try await opening.value.get()
        } catch {
            throw SSHError(
                phase: error.phase, hostName: error.hostName, endpoint: error.endpoint, attempt: error.attempt,
                cause: "jump host \(destination.name): \(error.cause)", remedy: error.remedy, kind: error.kind)
        }
    }

    /// What `failure` means: the jump host's own trouble, or that of the host behind it.
    private func error(_ failure: LinkFailure, target: SSHDestination) -> SSHError {
        let name = destination.name
        switch failure {
        case .timedOut:
            return target.failure(
                .connect, "connect through the jump host \(name)",
                cause: "\(name) opened no connection to it: \(failure.explanation)",
                remedy: "check whether the host is up, and whether a firewall drops what comes from \(name)",
                kind: .unreachable)
        // The library knows the server's reason only as one of its own words.
        case .library(_, let message) where message.contains("connect failed"):
            return target.failure(
                .connect, "connect through the jump host \(name)",
                cause: "\(name) cannot connect to it: nothing listens there, or there is no way to it",
                remedy:
                    "check whether the host is up, and its address and port in the inventory, as \(name) sees them",
                kind: .unreachable)
        case .library:
            return destination.failure(
                .channel, "open a way to \(target.endpoint)", cause: failure.explanation,
                remedy: "let sshd on \(name) forward connections: AllowTcpForwarding, PermitOpen and DisableForwarding "
                    + "in its sshd_config", kind: .failed)
        default:
            return destination.failure(
                .channel, "open a way to \(target.endpoint)", cause: failure.explanation,
                remedy: "check whether \(name) is up and whether sshd's log there says more",
                kind: failure == .closedHere ? .failed : .unreachable)
        }
    }
}
