import CLibSSH2
import ClientKit
import Glibc

/// From nothing to a session that is logged in.
extension LinkGroup {
    /// How often a server that closes the connection at once (it is busy with others) is tried, and how long
    /// to wait between.
    private static let attempts = 6
    private static let firstPause = Duration.milliseconds(250)

    /// A connected socket to the server.
    private struct Way {
        let socket: Int32
        let carrier: LinkStatus?
        /// How long the way there took: about a round trip.
        let duration: Duration
    }

    /// Opens a session, or throws and leaves nothing behind; the deadline is what is left of the limit.
    ///
    /// Takes `place` once the server speaks, and leaves it to the caller to release it.
    func establish(
        taking place: LoginWindow.Place?, isolation: isolated any Actor
    ) async throws(SSHError) -> (Link, Deadline) {
        // First of all: reading keys and known hosts for hundreds of hosts takes its time as well.
        try await place?.awaitStart(of: destination, on: loop, isolation: isolation)
        let known = try destination.readKnownHosts()
        let credential = try await findCredential(isolation: isolation)
        // The clock starts only now: somebody may have taken their time to type.
        var deadline = Deadline(in: destination.limits.connect)
        let link = try await handshake(known, taking: place, until: &deadline, isolation: isolation)
        do {
            try verifyHostKey(of: link, against: known)
            try await authenticate(on: link, with: credential, until: &deadline, isolation: isolation)
        } catch {
            drop(link)
            throw error
        }
        link.noteEstablished(hops: through?.hops ?? 0)
        return (link, deadline)
    }

    private func findCredential(isolation: isolated any Actor) async throws(SSHError) -> Credential {
        if let credential { return credential }
        let found = try await destination.findCredential(on: loop, passphrase: passphrase, isolation: isolation)
        credential = found
        return found
    }

    private func handshake(
        _ known: KnownHosts, taking place: LoginWindow.Place?, until deadline: inout Deadline,
        isolation: isolated any Actor
    ) async throws(SSHError) -> Link {
        var attempt = 0
        var turnedAway: (failure: LinkFailure, transport: Transport)?
        while true {
            attempt += 1
            if attempt > 1, let place {
                let began = ContinuousClock.now
                try await place.awaitStart(of: destination, on: loop, isolation: isolation)
                deadline = deadline.postponed(by: .now - began)
            }
            let way = try await findWay(until: &deadline, isolation: isolation)
            let transport = Transport(socket: way.socket)
            if isClosed { throw destination.linkError(.closedHere, in: .connect, attempt: "connect") }
            guard let session = Session(transport: transport) else {
                throw destination.linkError(.socket(ENOMEM), in: .handshake, attempt: "start an SSH session")
            }
            let link = Link(
                session, status: LinkStatus(hostName: destination.name, carrier: way.carrier), loop: loop,
                limits: destination.limits, roundTrip: way.duration)
            add(link)
            libssh2_session_method_pref(
                session.pointer, LIBSSH2_METHOD_HOSTKEY, destination.hostKeyPreference(known))
            session.preferFastKeyExchange()
            let code: Int32
            do {
                if let place {
                    try await awaitTurn(place, of: link, until: &deadline, isolation: isolation)
                }
                code = try await link.complete(until: deadline, isolation: isolation) {
                    libssh2_session_handshake($0.pointer, $0.transport.socket)
                }
            } catch {
                drop(link)
                place?.release()
                let isTurnedAway = error.isTurnedAway && ServerProposal(preamble: transport.preamble) == nil
                // Others back off at the same moment, so the pause is spread out.
                let pause = Self.firstPause * (1 << (attempt - 1)) * Double.random(in: 0.5...1.5)
                // A server that has answered is not reported as one that gave no answer in time.
                if case .timedOut = error, transport.preamble.isEmpty, let turnedAway {
                    throw destination.handshakeError(
                        turnedAway.failure, on: turnedAway.transport, attempts: attempt - 1)
                }
                guard isTurnedAway, attempt < Self.attempts, .now + pause < deadline.end else {
                    throw destination.handshakeError(error, on: transport, attempts: attempt)
                }
                turnedAway = (error, transport)
                if await loop.wait(until: .now + pause, isolation: isolation) == .cancelled {
                    throw destination.linkError(.cancelled, in: .handshake, attempt: "exchange keys")
                }
                continue
            }
            if code == 0 { return link }
            let failure = session.failure(code)
            drop(link)
            throw destination.keyExchangeError(failure, of: session)
        }
    }

    /// Says who we are, waits until the server says something, and then for the turn to agree on keys.
    private func awaitTurn(
        _ place: LoginWindow.Place, of link: Link, until deadline: inout Deadline,
        isolation: isolated any Actor
    ) async throws(LinkFailure) {
        let transport = link.transport
        // Sends our identification, which a server may wait for before it says anything.
        let code = libssh2_session_handshake(link.session.pointer, transport.socket)
        transport.flush()
        guard code == Session.again, transport.failure == nil else { return }
        if transport.bytesReceived == 0 {
            let answer = [pollfd(fd: transport.socket, events: Int16(POLLIN), revents: 0)]
            switch await loop.wait(for: answer, until: deadline.end, isolation: isolation) {
            case .signalled: break
            case .timedOut: throw .timedOut(deadline.limit)
            case .cancelled: throw link.failure ?? .cancelled
            }
        }
        place.noteAnswer()
        let began = ContinuousClock.now
        try await place.take(on: loop, isolation: isolation)
        // That time was not the server's.
        deadline = deadline.postponed(by: .now - began)
    }

    private func verifyHostKey(of link: Link, against known: KnownHosts) throws(SSHError) {
        guard let blob = link.session.hostKey else {
            throw destination.linkError(
                .library(code: 0, message: "no host key"), in: .hostKey, attempt: "verify the host key")
        }
        let key = PublicKey(blob: blob)
        try destination.verify(
            key, against: known,
            offered: ServerProposal(preamble: link.transport.preamble)?.hostKeyAlgorithms ?? [])
        hostKeyFingerprint = key.fingerprint
    }

    private func findWay(
        until deadline: inout Deadline, isolation: isolated any Actor
    ) async throws(SSHError) -> Way {
        let began = ContinuousClock.now
        if let through {
            let tunnel = try await through.tunnel(to: destination)
            // What the way to the jump host took is not this host's time.
            deadline = deadline.postponed(by: tunnel.asked - began)
            return Way(socket: tunnel.socket, carrier: tunnel.carrier, duration: .now - tunnel.asked)
        }
        do throws(Resolver.Failure) {
            let addresses = try await Resolver.addresses(
                of: destination.address, port: destination.port, on: loop, until: deadline, isolation: isolation)
            let socket = try await connect(to: addresses, until: deadline, isolation: isolation)
            let silence = destination.limits.silence.duration.components.seconds * 1000
            setOption(TCP_USER_TIMEOUT, of: socket, level: Int32(IPPROTO_TCP), to: Int32(clamping: silence))
            return Way(socket: socket, carrier: nil, duration: .now - began)
        } catch {
            throw destination.connectError(error)
        }
    }

    private func connect(
        to addresses: [TCPSocket.Address], until deadline: Deadline, isolation: isolated any Actor
    ) async throws(Resolver.Failure) -> Int32 {
        do {
            return try await Connector.connect(to: addresses, on: loop, until: deadline, isolation: isolation)
        } catch {
            throw .link(error)
        }
    }
}
