public import ClientKit
import CLibSSH2
import Foundation
import Glibc
import Synchronization

/// One authenticated SSH session to a host, with a few remote shells for commands, and forwards beside them.
///
/// The actor runs on a thread of its own, which also keeps the socket, the shells and the forwards going between its jobs:
/// nothing here blocks Swift's cooperative pool, and forwards move while commands run.
///
/// A command that is cut off by a timeout, a cancelled task or a lost link has an *unknown* outcome, and goes on on the
/// host, under the host's lock if it changes something; a cancelled one gets ``SSHDestination/Limits/cancellation`` to end
/// first. None ever takes such a cut for the end of its standard input: it is killed while that is still being sent.
public actor SSHConnection: RemoteShell {
    /// Where the session goes to.
    public nonisolated let destination: SSHDestination
    /// `SHA256:…` of the host key that was verified.
    public internal(set) var hostKeyFingerprint = ""

    let executor = EventLoop()
    let observer: any ActivityObserver
    var session: Session?
    /// Whether authentication is done, so that the server owes signs of life.
    var isEstablished = false
    /// Why there is no session any more; sessions that travel on this one look at it from their own threads.
    nonisolated var loss: LinkFailure? { lossSeen.withLock { $0 } }
    let lossSeen = Mutex<LinkFailure?>(nil)
    let pool: ShellPool
    var forwards: [ForwardPump] = []
    /// Channels that are closed on this side, until the server closes them too.
    var closingChannels: [OpaquePointer] = []
    var waiters: [Waiter] = []
    /// When the server was last asked for a sign of life, and when first since it gave one.
    var lastKeepalive = ContinuousClock.now
    var firstUnanswered: ContinuousClock.Instant?
    /// What this session goes through, and the session that it travels on.
    let through: JumpHost?
    var carrier: SSHConnection?
    let channelLock = AsyncLock()

    /// The thread of this session.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    /// The inventory name of the host.
    public nonisolated var hostName: String { destination.name }
    /// The name of the jump host whose loss has ended this session, if that is why it ended.
    public nonisolated var lostJumpHost: String? {
        if case .carrierLost(let name, _) = loss { name } else { nil }
    }

    /// Whether the session is up as far as this side knows; no round trip is made.
    public var isOpen: Bool { isEstablished && loss == nil }

    init(to destination: SSHDestination, through: JumpHost?, observer: any ActivityObserver) {
        self.destination = destination
        self.through = through
        self.observer = observer
        pool = ShellPool(limit: destination.limits.shells)
        executor.start(label: "ssh \(destination.name)") { [weak self] events in
            self?.assumeIsolated { $0.process(events) }
        }
    }

    isolated deinit {
        executor.stop()
    }

    /// Connects, verifies the host key, authenticates and starts a remote shell, or throws and leaves nothing behind.
    ///
    /// `passphrase` is asked at most once, before anything is sent, with the path of an encrypted key file. An error names the
    /// host that it is about: `destination`, or the jump host that it should be reached `through`.
    public static func open(
        to destination: SSHDestination, through: JumpHost? = nil, observer: any ActivityObserver = IgnoringObserver(),
        passphrase: @Sendable (String) async -> Secret? = { _ in nil }
    ) async throws(SSHError) -> SSHConnection {
        try await open(to: destination, through: through, withShell: true, observer: observer, passphrase: passphrase)
    }

    /// The same, where `withShell` is false without a remote shell: one is started with the first command, if any.
    static func open(
        to destination: SSHDestination, through: JumpHost?, withShell: Bool, observer: any ActivityObserver,
        passphrase: @Sendable (String) async -> Secret?
    ) async throws(SSHError) -> SSHConnection {
        let connection = SSHConnection(to: destination, through: through, observer: observer)
        let result = await withTaskCancellationHandler {
            await connection.establish(passphrase: passphrase, withShell: withShell)
        } onCancel: {
            Task { await connection.close() }
        }
        if case .failure = result { await connection.close() }
        try result.get()
        return connection
    }

    /// Ends the session; a command in flight has an unknown outcome.
    public func close() async {
        if let session, loss == nil, isEstablished {
            libssh2_session_disconnect_ex(session.pointer, SSH_DISCONNECT_BY_APPLICATION, "done", "")
            session.transport.flush()
        }
        lose(.closedHere)
    }

    /// Runs `command` in a shell that it has for itself, and returns its result, whatever its exit status.
    ///
    /// Where all are in use it waits, or another is opened, up to ``SSHDestination/Limits/shells`` or what the server grants.
    public func run(_ command: RemoteCommand) async throws(SSHError) -> CommandResult {
        let nonce = Self.freshNonce()
        let claim = ShellPool.Claim(nonce: nonce, effect: command.effect)
        defer { returnShell(of: claim) }
        let shell = try await takeShell(for: command, claim: claim)
        let lines = try parts(of: command, on: shell, nonce: nonce)
        let activity = Activity(
            channel: .ssh, host: hostName, hostKeyFingerprint: hostKeyFingerprint, for: command.purpose,
            command: command.arguments, standardInput: command.standardInput, effect: command.effect,
            outputIsSecret: command.outputIsSecret)
        do {
            try await observer.willBegin(activity)
        } catch {
            throw refusedByObserver(command, error: error)
        }
        var inFlight: InFlightCommand?
        let end: InFlightCommand.End
        // While the observer was asked, other things may have happened.
        if let loss {
            end = .linkLost(loss)
        } else if shell.isEnded {
            end = .shellEnded("the remote shell ended before the command was sent")
        } else {
            let wait = command.effect == .change ? destination.limits.lock : .zero
            let preamble = shell.takePreamble().map { [$0] } ?? []
            let started = InFlightCommand(
                sending: preamble + lines, nonce: nonce, outputLimit: command.outputLimit,
                deadline: .now + command.timeout + wait
            ) { [observer] bytes, stream in
                observer.didReceive(bytes, from: stream, of: activity)
            }
            inFlight = started
            end = await result(of: started, on: shell)
        }
        return try await conclude(command, activity: activity, inFlight: inFlight, end: end)
    }

    /// A random text of 128 bits, which no output contains by accident; the remote shell reads it byte by byte.
    static func freshNonce() -> String {
        (0..<2).map { _ in String(UInt64.random(in: 0...UInt64.max), radix: 36) }.joined()
    }

    private func parts(
        of command: RemoteCommand, on shell: ShellChannel, nonce: String
    ) throws(SSHError) -> [[UInt8]] {
        do {
            var parts = [
                try RemoteScript.line(
                    for: command, token: shell.token, nonce: nonce, lockWait: destination.limits.lock)
            ]
            if !command.standardInput.isEmpty {
                parts += [command.standardInput, RemoteScript.endOfInput(token: shell.token)]
            }
            return parts
        } catch {
            let cause =
                switch error {
                case .noProgram: "the command names no program"
                case .nulByte: "an argument or a variable contains a NUL byte, which no program can be given"
                case .variableName(let name): "\(name) is not a name for an environment variable"
                }
            throw notSent(command, because: cause, remedy: "correct the command", kind: .failed)
        }
    }

    private func result(of inFlight: InFlightCommand, on shell: ShellChannel) async -> InFlightCommand.End {
        shell.inFlight = inFlight
        defer { shell.inFlight = nil }
        let nonce = inFlight.nonce
        let end = await withTaskCancellationHandler {
            // Without naming it, the closure would run, and the result be awaited, outside this actor.
            await inFlight.result(isolation: self)
        } onCancel: {
            Task { await self.cancel(nonce) }
        }
        switch end {
        case .timedOut, .cancelled: abandon(shell)
        case .shellEnded, .trailer, .linkLost: break
        }
        return end
    }

    /// Ends the wait of the command with this nonce, or lets it run for the grace; by now it may have ended.
    func cancel(_ nonce: String) {
        guard !pool.withdraw(nonce), let inFlight = pool.inFlight.first(where: { $0.nonce == nonce }) else { return }
        inFlight.isCancelled = true
        inFlight.deadline = min(inFlight.deadline, .now + destination.limits.cancellation)
    }
}
