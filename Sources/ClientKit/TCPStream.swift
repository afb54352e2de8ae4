import Foundation

/// A failure to send or receive.
public enum StreamFailure: Error, Sendable, Hashable {
    /// No TCP connection could be established.
    case cannotConnect(String)
    /// The peer closed the connection, or it broke.
    case closed(String)
    /// The deadline came first.
    case deadline
    /// The task was cancelled.
    case interrupted
    /// The TLS handshake failed, or TLS broke.
    case tls(TLSFailure)
}

/// One TCP connection, with TLS or without, open as long as the value lives.
///
/// Not `Sendable`: it lives inside one actor, on whose executor all its calls are made.
public final class TCPStream {
    private let descriptor: Int32
    private var tls: TLSSession?
    /// Bytes that were received and not yet requested.
    private var waiting: [UInt8] = []

    /// Connects to the numeric `address`.
    public init(address: String, port: UInt16, until deadline: ContinuousClock.Instant) throws(StreamFailure) {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        hints.ai_protocol = Int32(IPPROTO_TCP)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(address, String(port), &hints, &list) == 0, let entry = list?.pointee else {
            throw .cannotConnect("\(address) is not a numeric address")
        }
        defer { freeaddrinfo(list) }
        descriptor = socket(entry.ai_family, streamType, Int32(IPPROTO_TCP))
        guard descriptor >= 0 else { throw .cannotConnect(lastErrorText()) }
        // A command is one write, followed by waiting for the answer: collecting bytes gains
        // nothing.
        switchOn(TCP_NODELAY, at: Int32(IPPROTO_TCP))
        switchOn(SO_KEEPALIVE, at: SOL_SOCKET)
        guard fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0, fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 else {
            throw .cannotConnect(lastErrorText())
        }
        if connect(descriptor, entry.ai_addr, entry.ai_addrlen) != 0 {
            guard errno == EINPROGRESS else { throw .cannotConnect(lastErrorText()) }
            try wait(for: Int32(POLLOUT), until: deadline)
            var status: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &status, &size)
            guard status == 0 else { throw .cannotConnect(String(cString: strerror(status))) }
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Whether the peer has neither closed the connection nor sent anything unexpected.
    public var isQuiet: Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while poll(&entry, 1, 0) != 0 {
            // Messages of TLS itself, such as a session ticket, do not count.
            guard tls != nil, let came = receivedNow(), !came.isEmpty else { return false }
            do throws(StreamFailure) {
                waiting += try plain(came)
            } catch {
                return false
            }
            guard waiting.isEmpty else { return false }
        }
        return waiting.isEmpty
    }

    /// Performs the TLS handshake with the peer, whose certificate `session` verifies.
    public func start(_ session: TLSSession, until deadline: ContinuousClock.Instant) throws(StreamFailure) {
        var received: [UInt8] = []
        while true {
            let (toSend, result) = session.shakeHands(with: received)
            switch result {
            case .success(let isDone):
                try sendRaw(toSend, until: deadline)
                if isDone {
                    tls = session
                    return
                }
            case .failure(let failure):
                do throws(StreamFailure) {
                    try sendRaw(toSend, until: deadline)
                } catch {
                    // The peer may already be gone, which needs no report.
                }
                throw .tls(failure)
            }
            received = try receiveRaw(until: deadline)
        }
    }

    /// Sends all of `bytes`.
    public func send(_ bytes: [UInt8], until deadline: ContinuousClock.Instant) throws(StreamFailure) {
        guard let tls else { return try sendRaw(bytes, until: deadline) }
        let encrypted: [UInt8]
        do throws(TLSFailure) {
            encrypted = try tls.encrypt(bytes)
        } catch {
            throw .tls(error)
        }
        try sendRaw(encrypted, until: deadline)
    }

    /// At least one byte.
    public func receive(until deadline: ContinuousClock.Instant) throws(StreamFailure) -> [UInt8] {
        while waiting.isEmpty {
            let came = try receiveRaw(until: deadline)
            waiting = try plain(came)
        }
        defer { waiting = [] }
        return waiting
    }

    private func plain(_ came: [UInt8]) throws(StreamFailure) -> [UInt8] {
        guard let tls else { return came }
        let (bytes, isClosed): ([UInt8], Bool)
        do throws(TLSFailure) {
            (bytes, isClosed) = try tls.decrypt(came)
        } catch {
            throw .tls(error)
        }
        guard !isClosed || !bytes.isEmpty else { throw .closed("the peer closed the connection") }
        return bytes
    }

    /// The bytes available now; empty at the end of the stream, nil if there are none after all.
    private func receivedNow() -> [UInt8]? {
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        return count >= 0 ? Array(chunk.prefix(count)) : nil
    }

    private func sendRaw(_ bytes: [UInt8], until deadline: ContinuousClock.Instant) throws(StreamFailure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            // A peer that is gone must be an error here, not a signal that ends the program.
            let count = rest.withUnsafeBytes { Foundation.send(descriptor, $0.baseAddress, $0.count, noSignal) }
            if count >= 0 {
                rest.removeFirst(count)
            } else if errno == EAGAIN {
                try wait(for: Int32(POLLOUT), until: deadline)
            } else if errno != EINTR {
                throw .closed(lastErrorText())
            }
        }
    }

    private func receiveRaw(until deadline: ContinuousClock.Instant) throws(StreamFailure) -> [UInt8] {
        while true {
            try wait(for: Int32(POLLIN), until: deadline)
            var chunk = [UInt8](repeating: 0, count: 64 << 10)
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count > 0 { return Array(chunk.prefix(count)) }
            if count == 0 { throw .closed("the peer closed the connection") }
            guard errno == EAGAIN || errno == EINTR else { throw .closed(lastErrorText()) }
        }
    }

    private func wait(for events: Int32, until deadline: ContinuousClock.Instant) throws(StreamFailure) {
        switch waitForSocket(descriptor, events: events, until: deadline) {
        case .ready: return
        case .deadline: throw .deadline
        case .interrupted: throw .interrupted
        }
    }

    private func switchOn(_ option: Int32, at level: Int32) {
        var value: Int32 = 1
        setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
}

private func lastErrorText() -> String { String(cString: strerror(errno)) }

#if canImport(Glibc)
    private let streamType = Int32(SOCK_STREAM.rawValue)
    private let noSignal = Int32(MSG_NOSIGNAL)
#else
    private let streamType = SOCK_STREAM
    private let noSignal: Int32 = 0
#endif
