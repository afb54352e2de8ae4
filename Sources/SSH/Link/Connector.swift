import Glibc

/// Connects to the first address that answers, as RFC 8305 has it: they are tried side by side, each a
/// moment after the one before, and later connections are closed.
struct Connector {
    /// How long an address is tried alone before the next is tried as well.
    private static let attemptDelay = Duration.milliseconds(250)

    private var remaining: ArraySlice<TCPSocket.Address>
    /// The sockets that are connecting.
    private var attempts: [Int32] = []
    private var code = EHOSTUNREACH

    private init(_ addresses: [TCPSocket.Address]) {
        remaining = Self.interleaved(addresses)[...]
    }

    /// A connected socket.
    static func connect(
        to addresses: [TCPSocket.Address], on loop: EventLoop, until deadline: Deadline,
        isolation: isolated any Actor
    ) async throws(LinkFailure) -> Int32 {
        var connector = Connector(addresses)
        defer { connector.closeAll() }
        while true {
            let next = connector.startNext()
            guard !connector.attempts.isEmpty else { throw .socket(connector.code) }
            let end = await loop.wait(
                for: connector.attempts.map { pollfd(fd: $0, events: Int16(POLLOUT), revents: 0) },
                until: min(next ?? deadline.end, deadline.end), isolation: isolation)
            if let socket = connector.takeConnected() { return socket }
            if end == .cancelled { throw .cancelled }
            if deadline.hasPassed { throw .timedOut(deadline.limit) }
        }
    }

    /// Starts with the next address, or those after it where one fails at once; returns when the one after that is due.
    private mutating func startNext() -> ContinuousClock.Instant? {
        while let address = remaining.popFirst() {
            switch TCPSocket.startConnecting(to: address) {
            case .failure(let error): code = error.code
            case .success(let socket):
                attempts.append(socket)
                return remaining.isEmpty ? nil : .now + Self.attemptDelay
            }
        }
        return nil
    }

    /// A socket that is connected by now; those that failed are closed.
    private mutating func takeConnected() -> Int32? {
        for socket in attempts {
            var state = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
            guard poll(&state, 1, 0) > 0 else { continue }
            attempts.removeAll { $0 == socket }
            let code = TCPSocket.connectionError(socket)
            // One that was reset had been connected: its server turned it away, which is not a matter of the address.
            if code == 0 || LinkFailure.socket(code).isTurnedAway { return socket }
            self.code = code
            close(socket)
        }
        return nil
    }

    private mutating func closeAll() {
        for socket in attempts { close(socket) }
        attempts = []
    }

    /// The families in turn, beginning with that of the best address.
    private static func interleaved(_ addresses: [TCPSocket.Address]) -> [TCPSocket.Address] {
        let first = addresses.filter { $0.family == addresses.first?.family }
        let others = addresses.filter { $0.family != addresses.first?.family }
        return (0..<max(first.count, others.count)).flatMap { place in
            [first, others].compactMap { $0.indices.contains(place) ? $0[place] : nil }
        }
    }
}
