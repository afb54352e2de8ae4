import ClientKit
import Foundation

/// A way to a server on this machine that cuts, holds up or swallows what passes, where a test says.
///
/// A fault happens once, on the connection that reaches it; later connections are served.
public final class FaultyProxy: Sendable {
    /// Which way bytes travel.
    public enum Direction: Sendable, CaseIterable {
        case toServer, toClient
    }

    /// What happens to a connection.
    public enum Fault: Sendable, Hashable, CaseIterable {
        /// Both sides see that the other one has ended the connection (FIN).
        case close
        /// Both sides see that the connection is broken (RST).
        case reset
        /// What comes this way is taken and not passed on; the connection stays open.
        case swallow
        /// What comes this way is not even taken; the connection stays open.
        case hang
        /// What comes this way waits for a second, and is then passed on.
        case delay

        /// For the table of faults.
        public var words: String {
            switch self {
            case .close: "the connection is ended (FIN)"
            case .reset: "the connection is reset (RST)"
            case .swallow: "what is sent disappears, and the connection stays open"
            case .hang: "nothing passes any more, and the connection stays open"
            case .delay: "what is sent is held up for a second"
            }
        }

        /// Whether nobody is told of it, so that only a time limit ends the wait.
        public var isSilent: Bool { self == .swallow || self == .hang }
    }

    /// When in an exchange a fault happens.
    public enum Moment: Sendable, Hashable, CaseIterable {
        /// Before the first byte of the request.
        case beforeRequest
        /// In the middle of the request.
        case inRequest
        /// In the middle of the answer: the server has done what it was asked for.
        case inAnswer
    }

    /// A fault that is to happen to the byte after the next `left`.
    private struct Order {
        let fault: Fault
        let direction: Direction
        var left: Int
    }

    /// What the threads of the connections share.
    private final class Desk: Sendable {
        let order = Locked<Order?>(nil)
        let hits = Locked(0)
        let open = Locked<[(client: Int32, server: Int32)]>([])

        /// How many bytes may pass, or what happens to the next one.
        func next(_ direction: Direction) -> Next {
            let next: Next = order.withLock { order in
                guard let waiting = order, waiting.direction == direction else { return .pass(1 << 16) }
                guard waiting.left == 0 else { return .pass(min(waiting.left, 1 << 16)) }
                order = nil
                return .fault(waiting.fault)
            }
            if case .fault = next { hits.withLock { $0 += 1 } }
            return next
        }

        func note(_ count: Int, _ direction: Direction) {
            order.withLock { order in
                guard let waiting = order, waiting.direction == direction else { return }
                order?.left = max(0, waiting.left - count)
            }
        }
    }

    private enum Next {
        case pass(Int)
        case fault(Fault)
    }

    private let listener: Listener
    private let desk = Desk()
    /// The port that clients dial, on 127.0.0.1.
    public var port: UInt16 { listener.port }
    /// How many faults have happened.
    public var hits: Int { desk.hits.withLock { $0 } }

    /// Passes everything on to `target`.
    public init(to target: UInt16) {
        listener = Listener { [desk] client in
            let server = makeSocket()
            guard withAddress(target, body: { connect(server, $0, $1) }) == 0 else {
                close(server)
                return
            }
            desk.open.withLock { $0.append((client, server)) }
            let ended = DispatchSemaphore(value: 0)
            Thread.detachNewThread {
                Self.carry(.toClient, from: server, to: client, desk)
                ended.signal()
            }
            Self.carry(.toServer, from: client, to: server, desk)
            ended.wait()
            desk.open.withLock { $0.removeAll { $0.client == client } }
            close(server)
        }
    }

    /// Lets `fault` happen to the byte that follows the next `bytes` in one direction: nothing of it is passed on.
    public func arm(_ fault: Fault, _ direction: Direction, after bytes: Int = 0) {
        desk.order.withLock { $0 = Order(fault: fault, direction: direction, left: bytes) }
    }

    /// Lets `fault` happen to the next exchange of an idle connection.
    public func arm(_ fault: Fault, at moment: Moment) {
        switch moment {
        case .beforeRequest: arm(fault, .toServer)
        case .inRequest: arm(fault, .toServer, after: 10)
        case .inAnswer: arm(fault, .toClient, after: 3)
        }
    }

    /// Ends every connection now, whether or not anything comes.
    public func cut(withReset isReset: Bool) {
        desk.hits.withLock { $0 += 1 }
        desk.open.withLock { open in
            for ends in open { Self.end([ends.client, ends.server], withReset: isReset) }
        }
    }

    private static func carry(_ direction: Direction, from source: Int32, to target: Int32, _ desk: Desk) {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var isSwallowing = false
        while waitFor(POLLIN, on: source) {
            var most = buffer.count
            // The end of a connection is no byte that a fault could happen to.
            if !isSwallowing, recv(source, &buffer, 1, Int32(MSG_PEEK)) > 0 {
                switch desk.next(direction) {
                case .pass(let count): most = count
                case .fault(let fault):
                    switch fault {
                    case .close: end([source, target], withReset: false)
                    case .reset: end([source, target], withReset: true)
                    case .hang: _ = waitFor(peerHasLeft, on: source)
                    case .delay: sleep(1)
                    case .swallow: break
                    }
                    isSwallowing = fault != .delay
                    continue
                }
            }
            let count = recv(source, &buffer, most, 0)
            if count < 0 { end([source, target], withReset: true) }
            guard count > 0 else { break }
            if isSwallowing { continue }
            desk.note(count, direction)
            sendAll(Array(buffer.prefix(count)), to: target)
        }
        shutdown(target, Int32(SHUT_WR))
    }

    private static func waitFor(_ event: Int32, on descriptor: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(event), revents: 0)
        while poll(&entry, 1, -1) < 0, errno == EINTR {}
        return entry.revents & Int16(POLLNVAL) == 0
    }

    private static func end(_ descriptors: [Int32], withReset isReset: Bool) {
        for descriptor in descriptors {
            guard isReset else {
                // What still comes is read and thrown away: to close with it unread would be a reset.
                shutdown(descriptor, Int32(SHUT_WR))
                continue
            }
            // Linux's way of resetting a connection that other threads still use.
            var nowhere = sockaddr()
            nowhere.sa_family = sa_family_t(AF_UNSPEC)
            _ = connect(descriptor, &nowhere, socklen_t(MemoryLayout<sockaddr>.size))
        }
    }
}

/// Linux's POLLRDHUP, which the C library hides.
private let peerHasLeft: Int32 = 0x2000
