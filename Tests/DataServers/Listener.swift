import ClientKit
import Foundation

/// A port on 127.0.0.1 whose connections are served by a closure, for peers that misbehave in a certain way.
public final class Listener: Sendable {
    /// The port.
    public let port: UInt16
    private let descriptor: Int32

    /// Listens; `serve` gets each connection on a thread of its own and may block; it closes nothing itself.
    ///
    /// After `most` connections nobody listens there any more.
    public init(most: Int = .max, serve: @escaping @Sendable (Int32) -> Void) {
        (descriptor, port) = listenOnFreePort(backlog: 16)
        let descriptor = descriptor
        Thread.detachNewThread {
            var count = 0
            while true {
                let connection = accept(descriptor, nil, nil)
                guard connection >= 0 else { return }
                count += 1
                if count == most { shutdown(descriptor, Int32(SHUT_RDWR)) }
                Thread.detachNewThread {
                    serve(connection)
                    shutdown(connection, Int32(SHUT_RDWR))
                    close(connection)
                }
            }
        }
    }

    deinit {
        shutdown(descriptor, Int32(SHUT_RDWR))
        close(descriptor)
    }
}

/// A port of all local addresses whose connections are never accepted: the kernel takes them, and nobody says anything.
public final class UnservedPort: Sendable {
    /// The port.
    public let port: UInt16
    private let descriptor: Int32

    /// Listens; the queue never fills, since a connection that finds it full is given up by the kernel after two minutes.
    public init() { (descriptor, port) = listenOnFreePort(backlog: 4096, address: INADDR_ANY) }

    deinit { close(descriptor) }
}

/// A port of all local addresses where packets vanish: its queue is full, so that the kernel answers no SYN.
public final class BlackHole: Sendable {
    /// The port.
    public let port: UInt16
    private let descriptors: [Int32]

    /// Fills the queue.
    public init() {
        let (listener, port) = listenOnFreePort(backlog: 0, address: INADDR_ANY)
        self.port = port
        descriptors =
            [listener]
            + (0..<3).map { _ in
                let filler = makeSocket()
                _ = fcntl(filler, F_SETFL, O_NONBLOCK)
                withAddress(port) { _ = connect(filler, $0, $1) }
                return filler
            }
    }

    deinit {
        for descriptor in descriptors { close(descriptor) }
    }
}

/// A way to a server through this process that can be cut, or that passes bytes one by one, as a tunnel might.
public final class Relay: Sendable {
    /// What to do with bytes on their way to the server.
    public enum Order: Sendable {
        /// Pass them on.
        case pass
        /// Pass them on and cut the client off, so that it never hears the answer.
        case passThenCut
    }

    private let listener: Listener
    /// The port that clients dial.
    public var port: UInt16 { listener.port }

    /// Relays to `target`; `order` sees each chunk from the client, and answers come `answerSize` bytes at a time.
    ///
    /// After `most` connections nobody listens there any more.
    public init(
        to target: UInt16, most: Int = .max, answerSize: Int = 1 << 16,
        order: @escaping @Sendable ([UInt8]) -> Order = { _ in .pass }
    ) {
        listener = Listener(most: most) { client in
            let server = makeSocket()
            withAddress(target) { _ = connect(server, $0, $1) }
            let isCut = Locked(false)
            let answers = Thread {
                pump(from: server, chunk: answerSize) { bytes in
                    if !isCut.withLock({ $0 }) { sendAll(bytes, to: client) }
                    return true
                }
                shutdown(client, Int32(SHUT_RDWR))
            }
            answers.start()
            pump(from: client, chunk: 1 << 16) { bytes in
                guard case .passThenCut = order(bytes) else {
                    sendAll(bytes, to: server)
                    return true
                }
                isCut.withLock { $0 = true }
                sendAll(bytes, to: server)
                return false
            }
            // The server keeps working on what it got; only the client hears of the cut.
            shutdown(client, Int32(SHUT_RDWR))
            if !isCut.withLock({ $0 }) { shutdown(server, Int32(SHUT_RDWR)) }
            while !answers.isFinished { usleep(1000) }
            close(server)
        }
    }
}

/// Writes all of `bytes`, ignoring a peer that is gone.
public func sendAll(_ bytes: [UInt8], to descriptor: Int32) {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        guard count > 0 else { return }
        rest.removeFirst(count)
    }
}

/// Reads until the peer closes, or `take` says stop.
public func pump(from descriptor: Int32, chunk: Int, take: ([UInt8]) -> Bool) {
    var buffer = [UInt8](repeating: 0, count: chunk)
    while true {
        let count = recv(descriptor, &buffer, chunk, 0)
        guard count > 0, take(Array(buffer.prefix(count))) else { return }
    }
}

/// A port that nobody listens on.
public func freePort() -> UInt16 {
    let (descriptor, port) = listenOnFreePort(backlog: 1)
    promised.withLock { _ = $0.insert(port) }
    close(descriptor)
    return port
}

/// Whether somebody listens on `port`.
public func isListening(_ port: UInt16) -> Bool {
    let probe = makeSocket()
    defer { close(probe) }
    return withAddress(port) { connect(probe, $0, $1) } == 0
}

private let loopback = in_addr_t(0x7F00_0001)

func makeSocket() -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var on: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    return descriptor
}

/// The ports that ``freePort()`` has given to servers, which may listen on them much later.
private let promised = Locked<Set<UInt16>>([])

private func listenOnFreePort(backlog: Int32, address: in_addr_t = loopback) -> (Int32, UInt16) {
    while true {
        let (descriptor, port) = listenOnAnyPort(backlog: backlog, address: address)
        if promised.withLock({ !$0.contains(port) }) { return (descriptor, port) }
        close(descriptor)
    }
}

private func listenOnAnyPort(backlog: Int32, address: in_addr_t) -> (Int32, UInt16) {
    let descriptor = makeSocket()
    withAddress(0, of: address) { _ = bind(descriptor, $0, $1) }
    listen(descriptor, backlog)
    var address = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(descriptor, $0, &size) }
    }
    return (descriptor, UInt16(bigEndian: address.sin_port))
}

@discardableResult
func withAddress<T>(
    _ port: UInt16, of host: in_addr_t = loopback, body: (UnsafePointer<sockaddr>, socklen_t) -> T
) -> T {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = host.bigEndian
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
}
