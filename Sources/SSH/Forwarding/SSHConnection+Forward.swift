import CLibSSH2
import ClientKit
import Glibc

/// A port of this machine that leads, for one connection, to a host and port as the SSH server sees them.
///
/// It keeps its ``SSHConnection`` alive. It ends when both sides have closed, when the SSH session ends, or with ``close()``.
public final class LocalForward: Sendable {
    /// The port on 127.0.0.1.
    ///
    /// It takes one connection; after that nothing listens there any more.
    public let port: UInt16
    private let connection: SSHConnection
    private let pump: ObjectIdentifier

    fileprivate init(port: UInt16, connection: SSHConnection, pump: ObjectIdentifier) {
        self.port = port
        self.connection = connection
        self.pump = pump
    }

    /// Ends the forward at once.
    public func close() async {
        await connection.endForward(pump)
    }
}

extension SSHConnection {
    /// Opens a way to `port` of `host`, as the server resolves and reaches it.
    ///
    /// The far end is reached before this returns, so that its refusal is an error here and not a closed local socket.
    public func forward(toHost host: String, port: UInt16) async throws(SSHError) -> LocalForward {
        let attempt = "open a way to \(host):\(port)"
        let channel: OpaquePointer
        switch await openTunnel(toHost: host, port: port) {
        case .success(let opened): channel = opened
        case .failure(.timedOut(let duration)):
            // Not the loss of this session's host: that is for its keepalives to say.
            throw destination.failure(
                .channel, attempt, cause: LinkFailure.timedOut(duration).explanation,
                remedy: "check whether \(host) is up, and whether a firewall drops what comes from \(hostName)",
                kind: .failed)
        case .failure(let failure): throw channelError(failure, attempt: attempt)
        }
        guard let session else { throw linkError(.channel, attempt: attempt, failure: loss ?? .closedHere) }
        switch TCPSocket.listenOnLoopback() {
        case .success(let listener):
            let pump = ForwardPump(channel: channel, session: session, listener: listener.descriptor)
            forwards.append(pump)
            return LocalForward(port: listener.port, connection: self, pump: ObjectIdentifier(pump))
        case .failure(let error):
            closeLater(channel)
            throw destination.failure(
                .channel, "listen on 127.0.0.1", cause: errnoText(error.code), remedy: "free ports or descriptors",
                kind: .failed)
        }
    }

    /// A connected socket that leads to `port` of `host`, for a session inside this one.
    func tunnel(toHost host: String, port: UInt16) async -> Result<Int32, LinkFailure> {
        await openTunnel(toHost: host, port: port).flatMap { channel in
            var ends: [Int32] = [-1, -1]
            guard let session, socketpair(AF_UNIX, TCPSocket.flags, 0, &ends) == 0 else {
                let failure = loss ?? .socket(errno)
                closeLater(channel)
                return .failure(failure)
            }
            forwards.append(ForwardPump(channel: channel, session: session, socket: ends[0]))
            return .success(ends[1])
        }
    }

    fileprivate func endForward(_ pump: ObjectIdentifier) {
        forwards.first { ObjectIdentifier($0) == pump }?.abandon()
    }

    private func openTunnel(toHost host: String, port: UInt16) async -> Result<OpaquePointer, LinkFailure> {
        await openChannel(until: .now + destination.limits.connect) {
            libssh2_channel_direct_tcpip_ex($0.pointer, host, Int32(port), "127.0.0.1", 0)
        }
    }
}
