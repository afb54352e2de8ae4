import CLibSSH2
import ClientKit
import Glibc

/// From nothing to an authenticated session.
extension SSHConnection {
    /// How often a server that closes the connection at once (it is busy with others) is tried, and how long to wait between.
    private static let attempts = 6
    private static let firstPause = Duration.milliseconds(250)

    /// A result rather than an error, because cancellation handlers know no typed errors.
    func establish(passphrase: @Sendable (String) async -> Secret?, withShell: Bool) async -> Result<Void, SSHError> {
        do throws(SSHError) {
            return .success(try await begin(passphrase: passphrase, withShell: withShell))
        } catch {
            return .failure(error)
        }
    }

    private func begin(
        passphrase: @Sendable (String) async -> Secret?, withShell: Bool
    ) async throws(SSHError) {
        let known = try destination.readKnownHosts()
        let credential = try await destination.findCredential(passphrase: passphrase)
        // The clock starts only now: somebody may have taken their time to type.
        var deadline = ContinuousClock.now + destination.limits.connect
        try await handshake(known, until: &deadline)
        try verifyHostKey(known)
        try await authenticate(with: credential, until: deadline)
        guard let session else {
            throw linkError(
                .authentication, attempt: "authenticate as \(destination.user)", failure: loss ?? .closedHere)
        }
        isEstablished = true
        lastKeepalive = .now
        let seconds = UInt32(clamping: max(2, destination.limits.keepaliveInterval.components.seconds))
        libssh2_keepalive_config(session.pointer, 1, seconds)
        if withShell { try await openShell(until: deadline) }
    }

    /// An error about a connection that is of no use any more.
    func linkError(_ phase: SSHError.Phase, attempt: String, failure: LinkFailure) -> SSHError {
        let failure = blamed(failure)
        let host = if case .carrierLost(let name, _) = failure { name } else { "the host" }
        return destination.failure(
            phase, attempt, cause: failure.explanation,
            remedy: "check whether \(host) is up, and whether sshd's log there says more",
            kind: failure == .closedHere ? .failed : .unreachable)
    }

    /// `failure`, or that of the session that this one travels on, where that is what happened.
    func blamed(_ failure: LinkFailure) -> LinkFailure {
        guard failure != .closedHere, let carrier, let loss = carrier.loss else { return failure }
        return .carrierLost(name: carrier.hostName, explanation: loss.explanation)
    }

    private func handshake(
        _ known: KnownHosts, until deadline: inout ContinuousClock.Instant
    ) async throws(SSHError) {
        for attempt in 1... {
            let asked = ContinuousClock.now
            let transport = Transport(socket: try await connectSocket(until: deadline))
            // The jump host opens one way after another; that time is not the host's.
            if through != nil { deadline += .now - asked }
            if let loss { throw linkError(.connect, attempt: "connect", failure: loss) }
            guard let session = Session(transport: transport) else {
                throw linkError(
                    .handshake, attempt: "begin an SSH session",
                    failure: .library(code: LIBSSH2_ERROR_ALLOC, message: "no memory"))
            }
            self.session = session
            libssh2_session_method_pref(session.pointer, LIBSSH2_METHOD_HOSTKEY, destination.hostKeyPreference(known))
            session.preferFastKeyExchange()
            let code: Int32
            do {
                code = try await complete(until: deadline) {
                    libssh2_session_handshake($0.pointer, $0.transport.socket)
                }
            } catch {
                self.session = nil
                let isTurnedAway =
                    (error == .closedByPeer || error == .socket(ECONNRESET))
                    && ServerProposal(preamble: transport.preamble) == nil
                guard isTurnedAway, attempt < Self.attempts else {
                    throw handshakeError(error, on: transport, attempts: attempt)
                }
                // Others back off at the same moment, so the pause is spread out.
                let pause = Self.firstPause * (1 << (attempt - 1)) * Double.random(in: 0.5...1.5)
                await wait(until: min(deadline, .now + pause))
                continue
            }
            guard code == 0 else { throw keyExchangeError(code, of: session) }
            return
        }
    }

    private func handshakeError(_ failure: LinkFailure, on transport: Transport, attempts: Int) -> SSHError {
        if failure == .closedHere || blamed(failure) != failure {
            return linkError(.handshake, attempt: "agree on keys", failure: failure)
        }
        let said = String(decoding: transport.preamble.prefix(200), as: UTF8.self).filter { !$0.isNewline }
        let isRetried = attempts > 1 ? ", \(attempts) times in a row" : ""
        let words = said.isEmpty ? "" : " after saying \"\(said)\""
        return destination.failure(
            .handshake, "agree on keys", cause: failure.explanation + words + isRetried,
            remedy: failure == .closedByPeer
                ? "check sshd's log there: it may have too many connections (MaxStartups) or bar this address "
                    + "(PerSourcePenalties, hosts.deny)"
                : "check whether an SSH server listens there, and whether a firewall is in between", kind: .unreachable)
    }

    private func keyExchangeError(_ code: Int32, of session: Session) -> SSHError {
        if let mismatch = ServerProposal(preamble: session.transport.preamble)?.mismatch(with: session) {
            return destination.failure(
                .handshake, "agree on keys", cause: mismatch,
                remedy:
                    "let sshd there offer one of those as well (KexAlgorithms, HostKey, Ciphers, MACs in sshd_config), or "
                    + "install a newer libssh2", kind: .failed)
        }
        return linkError(.handshake, attempt: "agree on keys", failure: session.failure(code))
    }

    private func verifyHostKey(_ known: KnownHosts) throws(SSHError) {
        guard let blob = session?.hostKey else {
            throw linkError(
                .hostKey, attempt: "verify the host key",
                failure: loss ?? .library(code: 0, message: "no host key"))
        }
        let key = PublicKey(blob: blob)
        try destination.verify(key, against: known)
        hostKeyFingerprint = key.fingerprint
    }

    /// A socket on which the server, or the session before it, can be spoken to.
    private func connectSocket(until deadline: ContinuousClock.Instant) async throws(SSHError) -> Int32 {
        if let through {
            let tunnel = try await through.tunnel(to: destination)
            carrier = tunnel.session
            return tunnel.socket
        }
        let addresses: [TCPSocket.Address]
        switch TCPSocket.resolve(destination.address, port: destination.port) {
        case .success(let found): addresses = found
        case .failure(let error):
            throw connectError(error.message, remedy: "correct the address in the inventory, or the name service")
        }
        var code = EHOSTUNREACH
        for address in addresses {
            switch TCPSocket.startConnecting(to: address) {
            case .failure(let error): code = error.code
            case .success(let socket):
                code = await finishConnecting(socket, until: deadline)
                guard code == 0 else {
                    Glibc.close(socket)
                    continue
                }
                let milliseconds = destination.limits.silence.components.seconds * 1000
                setOption(
                    TCP_USER_TIMEOUT, of: socket, level: Int32(IPPROTO_TCP), to: Int32(clamping: milliseconds))
                return socket
            }
        }
        throw connectError(code)
    }

    private func finishConnecting(_ socket: Int32, until deadline: ContinuousClock.Instant) async -> Int32 {
        var state = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
        while poll(&state, 1, 0) == 0 {
            guard .now < deadline, loss == nil else { return ETIMEDOUT }
            await wait(for: pollfd(fd: socket, events: Int16(POLLOUT), revents: 0), until: deadline)
        }
        return TCPSocket.connectionError(socket)
    }

    private func connectError(_ code: Int32) -> SSHError {
        switch code {
        case ECONNREFUSED:
            connectError(
                "connection refused: nothing listens on that port",
                remedy: "start sshd there, or correct the port in the inventory")
        case ETIMEDOUT:
            connectError(
                "no answer within \(destination.limits.connect.inWords)",
                remedy: "check whether the host is up, and whether a firewall drops the connection")
        case EHOSTUNREACH, ENETUNREACH:
            connectError(
                errnoText(code),
                remedy: "check the address in the inventory and the routes of this machine (ip route)")
        default:
            connectError(errnoText(code), remedy: "check the address and port in the inventory")
        }
    }

    private func connectError(_ cause: String, remedy: String) -> SSHError {
        destination.failure(.connect, "connect", cause: cause, remedy: remedy, kind: .unreachable)
    }
}
