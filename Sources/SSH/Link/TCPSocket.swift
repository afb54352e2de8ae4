import Glibc

/// Making TCP sockets; all are non-blocking and closed in child processes.
enum TCPSocket {
    /// An address to connect or bind to.
    struct Address: Sendable {
        let family: Int32
        fileprivate let bytes: [UInt8]

        init(_ info: addrinfo) {
            family = info.ai_family
            bytes = [UInt8](UnsafeRawBufferPointer(start: info.ai_addr, count: Int(info.ai_addrlen)))
        }
    }

    static let flags = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)

    /// A socket that has begun to connect, or the errno.
    static func startConnecting(to address: Address) -> Result<Int32, Errno> {
        let descriptor = DescriptorReserve.keeping(socket(address.family, flags, 0))
        guard descriptor >= 0 else { return .failure(Errno(code: errno)) }
        setOption(TCP_NODELAY, of: descriptor, level: Int32(IPPROTO_TCP), to: 1)
        let result = withSocketAddress(address.bytes) { connect(descriptor, $0, $1) }
        guard result == 0 || errno == EINPROGRESS else {
            let code = errno
            close(descriptor)
            return .failure(Errno(code: code))
        }
        return .success(descriptor)
    }

    /// The outcome of a connection that was started: 0, or the errno.
    static func connectionError(_ descriptor: Int32) -> Int32 {
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
        return code
    }

    /// A listener on a free port of 127.0.0.1, or the errno.
    static func listenOnLoopback() -> Result<(descriptor: Int32, port: UInt16), Errno> {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let descriptor = DescriptorReserve.keeping(socket(AF_INET, flags, 0))
        guard descriptor >= 0 else { return .failure(Errno(code: errno)) }
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && listen(descriptor, 1) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        guard isBound else {
            let code = errno
            close(descriptor)
            return .failure(Errno(code: code))
        }
        return .success((descriptor, UInt16(bigEndian: address.sin_port)))
    }

}

private func withSocketAddress(
    _ bytes: [UInt8], do body: (UnsafePointer<sockaddr>?, socklen_t) -> Int32
) -> Int32 {
    bytes.withUnsafeBytes { raw in
        raw.withMemoryRebound(to: sockaddr.self) { body($0.baseAddress, socklen_t(bytes.count)) }
    }
}
