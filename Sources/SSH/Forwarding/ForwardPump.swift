import CLibSSH2
import Glibc

/// Moves bytes between a local socket and a direct-tcpip channel, and passes each side's end on to the other.
final class ForwardPump {
    private enum Local {
        case listening(Int32)
        case connected(Int32)
        case closed
    }

    private static let chunkSize = 64 << 10
    private static let rounds = 32

    private let session: Session
    private var channel: OpaquePointer?
    private var local: Local
    private var toLocal: ArraySlice<UInt8> = []
    private var toRemote: ArraySlice<UInt8> = []
    private var localEnded = false
    private var remoteEnded = false
    private var toldRemote = false
    private var toldLocal = false

    /// Whether both sides have ended, or one of them broke.
    private(set) var isDone = false

    /// Waits for one connection to `listener`.
    init(channel: OpaquePointer, session: Session, listener: Int32) {
        self.channel = channel
        self.session = session
        local = .listening(listener)
    }

    /// Uses a socket that is connected.
    init(channel: OpaquePointer, session: Session, socket: Int32) {
        self.channel = channel
        self.session = session
        local = .connected(socket)
    }

    deinit {
        closeLocal()
    }

    /// The local descriptor, with the events that would let something move.
    var interest: [pollfd] {
        switch local {
        case .listening(let descriptor): [pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)]
        case .connected(let descriptor):
            {
                var events: Int32 = 0
                if !localEnded, toRemote.isEmpty { events |= POLLIN }
                if !toLocal.isEmpty { events |= POLLOUT }
                return events == 0 ? [] : [pollfd(fd: descriptor, events: Int16(events), revents: 0)]
            }()
        case .closed: []
        }
    }

    /// The channel, to be freed by the caller.
    func takeChannel() -> OpaquePointer? {
        defer { channel = nil }
        return channel
    }

    /// Ends the forward at once.
    func abandon() {
        isDone = true
        closeLocal()
    }

    /// Moves what can be moved without waiting, and returns whether there may be more.
    func pump() -> Bool {
        if case .listening(let listener) = local { accept(listener) }
        guard !isDone, case .connected(let socket) = local, let channel else { return false }
        for _ in 0..<Self.rounds where !isDone {
            var hasMoved = moveIn(from: channel, to: socket)
            hasMoved = moveOut(from: socket, to: channel) || hasMoved
            if toldRemote, toldLocal { abandon() }
            if !hasMoved { return false }
        }
        return !isDone
    }

    private func accept(_ listener: Int32) {
        let flags = Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let socket = DescriptorReserve.keeping(CLibSSH2.accept4(listener, nil, nil, flags))
        guard socket >= 0 else {
            // A connection that cannot be accepted now would be reported again at once, forever.
            if ![EAGAIN, EINTR, ECONNABORTED].contains(errno) { abandon() }
            return
        }
        // One connection only: anyone else on this machine who tries the port finds it closed.
        close(listener)
        setOption(TCP_NODELAY, of: socket, level: Int32(IPPROTO_TCP), to: 1)
        local = .connected(socket)
    }

    /// From the channel to the local socket.
    private func moveIn(from channel: OpaquePointer, to socket: Int32) -> Bool {
        var hasMoved = false
        if toLocal.isEmpty, !remoteEnded {
            var count = 0
            let chunk = [UInt8](unsafeUninitializedCapacity: Self.chunkSize) { buffer, initialized in
                count = buffer.withMemoryRebound(to: CChar.self) {
                    libssh2_channel_read_ex(channel, 0, $0.baseAddress, Self.chunkSize)
                }
                initialized = max(0, count)
            }
            if count > 0 {
                toLocal = chunk[...]
                hasMoved = true
            } else if count != 0, count != Int(Session.again) {
                giveUp()
            } else if libssh2_channel_eof(channel) != 0 {
                remoteEnded = true
            }
        }
        if !toLocal.isEmpty, !isDone {
            let count = toLocal.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count > 0 {
                toLocal = toLocal.dropFirst(count)
                hasMoved = true
            } else if count < 0, errno != EAGAIN, errno != EINTR {
                abandon()
            }
        }
        if remoteEnded, toLocal.isEmpty, !toldLocal, !isDone {
            shutdown(socket, Int32(SHUT_WR))
            toldLocal = true
        }
        return hasMoved
    }

    /// From the local socket to the channel.
    private func moveOut(from socket: Int32, to channel: OpaquePointer) -> Bool {
        var hasMoved = false
        if toRemote.isEmpty, !localEnded, !isDone {
            var count = 0
            let chunk = [UInt8](unsafeUninitializedCapacity: Self.chunkSize) { buffer, initialized in
                count = recv(socket, buffer.baseAddress, Self.chunkSize, 0)
                initialized = max(0, count)
            }
            if count > 0 {
                toRemote = chunk[...]
                hasMoved = true
            } else if count == 0 {
                localEnded = true
            } else if errno != EAGAIN, errno != EINTR {
                abandon()
            }
        }
        if !toRemote.isEmpty, !isDone, session.transport.outgoing.count < SendQueue.highWater {
            let count = toRemote.withUnsafeBytes {
                libssh2_channel_write_ex(channel, 0, $0.bindMemory(to: CChar.self).baseAddress, $0.count)
            }
            if count > 0 {
                toRemote = toRemote.dropFirst(count)
                hasMoved = true
            } else if count != 0, count != Int(Session.again) {
                giveUp()
            }
        }
        // With the send queue, an end of file is never half-sent.
        if localEnded, toRemote.isEmpty, !toldRemote, !isDone, libssh2_channel_send_eof(channel) != Session.again {
            toldRemote = true
        }
        return hasMoved
    }

    /// Ends the forward because of its channel; where the session itself is lost, that is said first.
    private func giveUp() {
        if session.transport.failure == nil { abandon() }
    }

    private func closeLocal() {
        switch local {
        case .listening(let descriptor), .connected(let descriptor): close(descriptor)
        case .closed: break
        }
        local = .closed
    }
}
