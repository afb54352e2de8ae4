import CLibSSH2
import ClientKit
import Glibc

extension SSHConnection {
    /// A connected socket that leads to a host behind this one.
    struct Tunnel: Sendable {
        let socket: Int32
        /// The session that it depends on.
        let carrier: LinkStatus
        /// When the server was asked for it.
        let asked: ContinuousClock.Instant
    }

    /// Opens a way to `port` of `host`, as the server resolves and reaches it.
    ///
    /// The far end is reached before this returns, so that its refusal is an error here and not a closed local socket.
    public func forward(toHost host: String, port: UInt16) async throws(SSHError) -> LocalForward {
        let attempt = "forward a connection to \(host):\(port)"
        let link = try await links.claim(
            to: attempt, until: Deadline(in: destination.limits.connect), isolation: self)
        let channel: OpaquePointer
        do {
            channel = try await link.openChannel(
                to: .tcp(host: host, port: port), until: Deadline(in: destination.limits.connect), isolation: self)
        } catch {
            throw destination.forwardError(error, to: host, attempt: attempt)
        }
        switch TCPSocket.listenOnLoopback() {
        case .success(let listener):
            let pump = ForwardPump(channel: channel, session: link.session, listener: listener.descriptor)
            link.add(pump)
            return LocalForward(port: listener.port, connection: self, pump: ObjectIdentifier(pump))
        case .failure(let error):
            link.closeLater(channel)
            throw destination.failure(
                .channel, attempt: "listen on 127.0.0.1", cause: errnoText(error.code),
                remedy: error.isShortage
                    ? SSHDestination.remedy(forShortage: error.code) : "free ports of this machine",
                kind: .failed)
        }
    }

    /// A socket that leads to `target`, for a session inside this one.
    func tunnel(to target: SSHDestination) async throws(SSHError) -> Tunnel {
        // A session that turns out to be dead is replaced, and so is the next; then it is the network.
        var tries = 0
        while true {
            tries += 1
            let attempt = "forward a connection to \(target.endpoint)"
            let link: Link
            do {
                link = try await links.claim(
                    to: attempt, until: Deadline(in: destination.limits.connect), isolation: self)
            } catch {
                throw asJumpHost(error)
            }
            var asked = ContinuousClock.now
            let isStarting = link.isStarting
            do throws(LinkFailure) {
                let channel = try await link.openChannel(
                    to: .tcp(host: target.address, port: target.port),
                    until: Deadline(in: target.limits.connect), isolation: self)
                // What this host needed to start is not the target's time.
                if isStarting { asked = .now }
                return Tunnel(socket: try tunnelSocket(channel, in: link), carrier: link.status, asked: asked)
            } catch {
                let isDead = if case .silent = error { true } else { link.failure != nil }
                if isDead, !links.isClosed, tries < 3 { continue }
                throw destination.tunnelError(error, to: target)
            }
        }
    }

    private func tunnelSocket(_ channel: OpaquePointer, in link: Link) throws(LinkFailure) -> Int32 {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, TCPSocket.flags, 0, &ends) == 0 else {
            let code = errno
            link.closeLater(channel)
            throw .socket(code)
        }
        guard !ends.contains(where: DescriptorReserve.isReserved) else {
            for end in ends { Glibc.close(end) }
            link.closeLater(channel)
            throw .socket(EMFILE)
        }
        link.add(ForwardPump(channel: channel, session: link.session, socket: ends[0]))
        return ends[1]
    }

    /// These errors reach callers that asked for a host behind this one, so they say what this host is for.
    private func asJumpHost(_ error: SSHError) -> SSHError {
        guard error.hostName == hostName else { return error }
        return SSHError(
            phase: error.phase, hostName: error.hostName, endpoint: error.endpoint, attempt: error.attempt,
            cause: "jump host \(hostName): \(error.cause)", remedy: error.remedy, kind: error.kind)
    }

    func endForward(_ pump: ObjectIdentifier) {
        for link in links.links where link.end(pump) { return }
    }
}
