import CLibSSH2
import Glibc

/// The socket of a session, as libssh2 sees it through its callbacks.
///
/// It hides the end of the connection from libssh2: a closed socket looks like one with nothing to read, so that packets that
/// already arrived are still delivered. After a libssh2 call that got nothing, check ``failure``.
final class Transport {
    let socket: Int32
    private(set) var outgoing = SendQueue()
    /// Why nothing can be sent or received any longer.
    private(set) var failure: LinkFailure?
    /// Counts up with every byte received, so that a waiting operation knows when to try again.
    private(set) var bytesReceived: UInt64 = 0
    private(set) var lastReceived = ContinuousClock.now
    /// The first bytes from the server, in clear: banner and key exchange proposal, for error messages; nil afterwards.
    private var firstBytes: [UInt8]? = []
    /// ``firstBytes``, as long as they are kept.
    var preamble: [UInt8] { firstBytes ?? [] }
    /// What came together with the byte that was asked for: libssh2 reads a server's first line byte by byte.
    private var readAhead: ArraySlice<UInt8> = []
    /// Whether the socket had nothing more, and nothing has happened on it since.
    private var isDrained = false
    private var owesAcknowledgement = false
    /// Set before the session is freed: from then on libssh2 gets an end of file at once and waits for no answer.
    private var isAbandoned = false

    private static let preambleLimit = 16 << 10
    private static let firstLine = 1 << 10

    init(socket: Int32) {
        self.socket = socket
    }

    deinit {
        Glibc.close(socket)
    }

    /// Notes that the connection can no longer be used; the first reason is kept.
    func fail(_ reason: LinkFailure) {
        if failure == nil { failure = reason }
    }

    /// Lets libssh2 give up at once whatever it still waits for.
    func abandon() {
        isAbandoned = true
        fail(.closedHere)
        // The peer learns it now, not when the last reference goes.
        shutdown(socket, Int32(SHUT_RDWR))
    }

    /// Notes that something has happened on the socket, so that it is read from again.
    func noteEvent() { isDrained = false }

    /// Forgets ``preamble``: the server is known, and logged in to.
    func forgetPreamble() { firstBytes = nil }

    /// Sends as much of the queue as the socket takes.
    func flush() {
        guard failure == nil else { return }
        outgoing.drain { bytes in
            let count = Glibc.send(socket, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
            if count < 0, errno != EAGAIN, errno != EINTR {
                fail(.socket(errno))
            }
            return count
        }
    }

    fileprivate func receive(into buffer: UnsafeMutableRawPointer, count: Int) -> Int {
        if isAbandoned { return 0 }
        if !readAhead.isEmpty {
            let taken = readAhead.prefix(count)
            UnsafeMutableRawBufferPointer(start: buffer, count: count).copyBytes(from: taken)
            // The array goes with its last byte: hundreds of sessions hold little.
            readAhead = taken.count < readAhead.count ? readAhead.dropFirst(taken.count) : []
            return taken.count
        }
        guard failure == nil, !isDrained else { return Int(-EAGAIN) }
        guard count == 1 else { return receiveNow(into: buffer, count: count) }
        return withUnsafeTemporaryAllocation(byteCount: Self.firstLine, alignment: 1) { room in
            guard let start = room.baseAddress else { return Int(-EAGAIN) }
            let received = receiveNow(into: start, count: room.count)
            guard received > 0 else { return received }
            buffer.copyMemory(from: start, byteCount: 1)
            readAhead = [UInt8](room[1..<received])[...]
            return 1
        }
    }

    private func receiveNow(into buffer: UnsafeMutableRawPointer, count: Int) -> Int {
        let received = recv(socket, buffer, count, Int32(MSG_DONTWAIT))
        guard received > 0 else {
            acknowledge()
            if received == 0 {
                fail(.closedByPeer)
            } else if errno == EAGAIN {
                isDrained = true
            } else if errno != EINTR {
                fail(.socket(errno))
            }
            return Int(-EAGAIN)
        }
        bytesReceived += UInt64(received)
        lastReceived = .now
        if let room = firstBytes.map({ Self.preambleLimit - $0.count }), room > 0 {
            firstBytes?.append(contentsOf: UnsafeRawBufferPointer(start: buffer, count: received).prefix(room))
        }
        owesAcknowledgement = true
        return received
    }

    /// Acknowledges at once what was received.
    ///
    /// The kernel falls back to delayed acknowledgements by itself; with them sshd's Nagle costs 40 ms on a first channel.
    private func acknowledge() {
        guard owesAcknowledgement else { return }
        owesAcknowledgement = false
        let code = errno
        setOption(TCP_QUICKACK, of: socket, level: Int32(IPPROTO_TCP), to: 1)
        errno = code
    }

    fileprivate func queue(_ bytes: UnsafeRawBufferPointer) -> Int {
        if !isAbandoned { outgoing.append(bytes) }
        return bytes.count
    }

    fileprivate func noteDisconnect(_ message: String) {
        fail(.disconnected(message))
    }

    /// Makes libssh2 use this transport for `session`, whose abstract pointer must be an unretained reference to it.
    static func install(on session: OpaquePointer) {
        shim_set_transport(
            session,
            { _, buffer, count, _, abstract in
                guard let buffer else { return Int(-EINVAL) }
                return Transport.from(abstract)?.queue(UnsafeRawBufferPointer(start: buffer, count: count))
                    ?? Int(-EINVAL)
            },
            { _, buffer, count, _, abstract in
                guard let buffer else { return Int(-EINVAL) }
                return Transport.from(abstract)?.receive(into: buffer, count: count) ?? Int(-EINVAL)
            })
        shim_set_disconnect(session) { _, _, message, count, _, _, abstract in
            let text = message.map {
                String(decoding: UnsafeRawBufferPointer(start: $0, count: Int(count)), as: UTF8.self)
            }
            Transport.from(abstract)?.noteDisconnect(text ?? "")
        }
    }

    private static func from(_ abstract: UnsafeMutablePointer<UnsafeMutableRawPointer?>?) -> Transport? {
        abstract?.pointee.map { Unmanaged<Transport>.fromOpaque($0).takeUnretainedValue() }
    }
}

/// Sets an integer socket option.
///
/// A socket that does not know it (a Unix one has no TCP options) goes without.
func setOption(_ name: Int32, of socket: Int32, level: Int32, to value: Int32) {
    var value = value
    _ = setsockopt(socket, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
}
