import Foundation
import Glibc
import Testing

/// A listener on 127.0.0.1 that never says anything.
final class SilentListener: Sendable {
    let port: UInt16
    private let descriptor: Int32

    init() throws {
        (descriptor, port) = try Self.listen()
    }

    deinit { close(descriptor) }

    static func listen(port: UInt16 = 0, backlog: Int32 = 8) throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var (address, size) = loopback(port)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && Glibc.listen(descriptor, backlog) == 0
                    && getsockname(descriptor, $0, &size) == 0
            }
        }
        try #require(isBound)
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }
}

/// A listener on 127.0.0.1 with no place left for connections: the kernel drops what comes.
final class FullListener: Sendable {
    let port: UInt16
    private let descriptor: Int32
    private let occupants: [ConnectedSocket]

    init(port: UInt16 = 0) throws {
        let (descriptor, port) = try SilentListener.listen(port: port, backlog: 0)
        self.port = port
        self.descriptor = descriptor
        occupants = [try ConnectedSocket(port: port)]
    }

    deinit { close(descriptor) }
}

/// A listener on 127.0.0.1 that resets whatever connects.
final class ResettingListener: Sendable {
    let port: UInt16

    init() throws {
        let (listener, port) = try SilentListener.listen()
        self.port = port
        Thread.detachNewThread {
            // Ends with the test process.
            while case let socket = accept(listener, nil, nil), socket >= 0 {
                var option = linger(l_onoff: 1, l_linger: 0)
                setsockopt(socket, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
                close(socket)
            }
        }
    }
}

/// A Unix socket that takes connections and never says anything.
final class SilentUnixListener: Sendable {
    /// The listening descriptor.
    let number: Int32

    init(path: String, backlog: Int32 = 8) throws {
        number = try Self.socket()
        let isBound = Self.withAddress(of: path) { bind(number, $0, $1) == 0 && Glibc.listen(number, backlog) == 0 }
        try #require(isBound)
    }

    deinit { close(number) }

    /// As many connections as the listener at `path` has room for.
    static func connections(to path: String) throws -> [Int32] {
        var taken: [Int32] = []
        while true {
            let number = try socket()
            guard fcntl(number, F_SETFL, O_NONBLOCK) == 0, withAddress(of: path, { connect(number, $0, $1) }) == 0
            else {
                close(number)
                return taken
            }
            taken.append(number)
        }
    }

    private static func socket() throws -> Int32 {
        let number = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        try #require(number >= 0)
        return number
    }

    private static func withAddress<Result>(
        of path: String, _ use: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { use($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }
}

/// A connection to a port of 127.0.0.1, with blocking reads and writes for use off the cooperative pool: two minutes each.
final class ConnectedSocket: Sendable {
    private let descriptor: Int32

    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var (address, size) = loopback(port)
        let isConnected = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) == 0 }
        }
        guard isConnected else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EINVAL) }
        var limit = timeval(tv_sec: 120, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress?.advanced(by: sent), $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Ends it with a reset once it is released.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    /// Up to `count` bytes; fewer only where the other side ended.
    func receive(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let received = bytes.withUnsafeMutableBytes {
                recv(descriptor, $0.baseAddress?.advanced(by: filled), $0.count - filled, 0)
            }
            guard received > 0 else { break }
            filled += received
        }
        return Array(bytes.prefix(filled))
    }
}

private func loopback(_ port: UInt16) -> (sockaddr_in, socklen_t) {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    address.sin_port = port.bigEndian
    return (address, socklen_t(MemoryLayout<sockaddr_in>.size))
}
