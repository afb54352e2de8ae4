import ClientKit
import Foundation

/// Why bytes did not pass.
enum SocketFailure: Error {
    case cannotConnect(String)
    case closed(String)
    case deadline
    case interrupted
}

/// One TCP connection, open as long as the value lives.
///
/// Not `Sendable`: it lives inside one actor, on whose executor all its calls are made.
final class TCPSocket {
    private let descriptor: Int32

    init(address: String, port: UInt16, until deadline: ContinuousClock.Instant) throws(SocketFailure) {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        hints.ai_protocol = Int32(IPPROTO_TCP)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(address, String(port), &hints, &list) == 0, let entry = list?.pointee else {
            throw .cannotConnect("\(address) is no numeric address")
        }
        defer { freeaddrinfo(list) }
        descriptor = socket(entry.ai_family, streamType, Int32(IPPROTO_TCP))
        guard descriptor >= 0 else { throw .cannotConnect(lastErrorText()) }
        // The command is one write and its answer is waited for: nothing is gained by collecting bytes.
        set(IPPROTO_TCP, TCP_NODELAY, 1)
        set(SOL_SOCKET, SO_KEEPALIVE, 1)
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

    /// Whether the peer has neither left nor said anything unasked.
    var isQuiet: Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) == 0
    }

    func send(_ bytes: [UInt8], until deadline: ContinuousClock.Instant) throws(SocketFailure) {
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

    /// At least one byte.
    func receive(until deadline: ContinuousClock.Instant) throws(SocketFailure) -> [UInt8] {
        while true {
            try wait(for: Int32(POLLIN), until: deadline)
            var chunk = [UInt8](repeating: 0, count: 64 << 10)
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count > 0 { return Array(chunk.prefix(count)) }
            if count == 0 { throw .closed("the peer closed the connection") }
            guard errno == EAGAIN || errno == EINTR else { throw .closed(lastErrorText()) }
        }
    }

    private func wait(for events: Int32, until deadline: ContinuousClock.Instant) throws(SocketFailure) {
        switch waitForSocket(descriptor, events: events, until: deadline) {
        case .ready: return
        case .deadline: throw .deadline
        case .interrupted: throw .interrupted
        }
    }

    private func set(_ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    private func set(_ level: Int, _ option: Int32, _ value: Int32) {
        set(Int32(level), option, value)
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
