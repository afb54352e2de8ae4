import CLibSSH2
import Glibc

/// What the loops of a ``PollThread`` wait for: their descriptors, which the kernel keeps watching (epoll), and their
/// deadlines.
struct WatchedLoops {
    private struct Entry {
        let loop: EventLoop
        let descriptors: [Int32]
    }

    private let polled: Int32
    private let wakeUp: Int32
    private var entries: [ObjectIdentifier: Entry] = [:]
    private var deadlines: [ObjectIdentifier: ContinuousClock.Instant] = [:]
    /// Whose a descriptor is: one that was closed may be another loop's by now.
    private var owners: [Int32: ObjectIdentifier] = [:]
    private var ready = [epoll_event](repeating: epoll_event(), count: 64)

    /// Watches for `wakeUp` too, which is read when something is there.
    init(on polled: Int32, wakeUp: Int32) {
        self.polled = polled
        self.wakeUp = wakeUp
        watch(wakeUp, for: Int16(POLLIN))
    }

    /// The loops for which something happened or whose time has come, and what happened.
    mutating func wait(
        forNoTime isBusy: Bool
    ) -> [ObjectIdentifier: (loop: EventLoop, events: [pollfd])] {
        let end = deadlines.values.min()
        // EINTR counts as a wake-up on which nothing happened.
        let count = epoll_wait(polled, &ready, Int32(ready.count), isBusy ? 0 : Self.milliseconds(until: end))
        var due: [ObjectIdentifier: (loop: EventLoop, events: [pollfd])] = [:]
        for event in ready.prefix(Int(max(0, count))) {
            let descriptor = event.data.fd
            if descriptor == wakeUp {
                var count: UInt64 = 0
                _ = read(wakeUp, &count, MemoryLayout<UInt64>.size)
            } else if let owner = owners[descriptor], let entry = entries[owner] {
                let happened = pollfd(
                    fd: descriptor, events: 0, revents: Int16(truncatingIfNeeded: event.events))
                due[owner, default: (entry.loop, [])].events.append(happened)
            } else {
                epoll_ctl(polled, EPOLL_CTL_DEL, descriptor, nil)
            }
        }
        if let end, case let now = ContinuousClock.now, end <= now {
            for (id, deadline) in deadlines where deadline <= now && due[id] == nil {
                due[id] = entries[id].map { ($0.loop, []) }
            }
        }
        return due
    }

    /// Notes what `loop` waits for after its turn; nil: nothing, ever again.
    mutating func set(_ request: EventLoop.Request?, of loop: EventLoop) {
        let id = ObjectIdentifier(loop)
        var wanted: [Int32: Int16] = [:]
        for descriptor in request?.descriptors ?? [] { wanted[descriptor.fd, default: 0] |= descriptor.events }
        for descriptor in entries[id]?.descriptors ?? []
        where wanted[descriptor] == nil && owners[descriptor] == id {
            owners[descriptor] = nil
            // The kernel has forgotten closed ones by itself.
            epoll_ctl(polled, EPOLL_CTL_DEL, descriptor, nil)
        }
        for (descriptor, events) in wanted {
            owners[descriptor] = id
            watch(descriptor, for: events)
        }
        entries[id] = request.map { _ in Entry(loop: loop, descriptors: Array(wanted.keys)) }
        deadlines[id] = request?.deadline
    }

    /// The number may belong to another file than last time, so the kernel is told after each turn.
    private func watch(_ descriptor: Int32, for events: Int16) {
        var event = epoll_event()
        // poll's names and epoll's have the same values.
        event.events = UInt32(UInt16(bitPattern: events))
        event.data.fd = descriptor
        if epoll_ctl(polled, EPOLL_CTL_MOD, descriptor, &event) != 0, errno == ENOENT {
            epoll_ctl(polled, EPOLL_CTL_ADD, descriptor, &event)
        }
    }

    /// How long to wait, rounded up, so that the deadline has passed when the wait is over.
    private static func milliseconds(until end: ContinuousClock.Instant?) -> Int32 {
        guard let end else { return -1 }
        let left = max(.zero, end - .now)
        return Int32(
            clamping: left.components.seconds * 1000
                + (left.components.attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
