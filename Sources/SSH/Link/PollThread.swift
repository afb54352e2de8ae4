import CLibSSH2
import ClientKit
import Glibc

/// A thread that gives many ``EventLoop``s their turns, and waits in `poll` for the descriptors of all.
///
/// There are a few of them, however many hosts there are: enough that a turn which takes long, such as the one that
/// decrypts a key file in 90 ms, does not hold up all others.
final class PollThread: Sendable {
    private struct State {
        /// Those that have something to do, each once.
        var ready: [EventLoop] = []
        /// Whose turn it is.
        var current: EventLoop?
        var thread: pthread_t?
        var isOwnThread: Bool { thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false }
    }

    /// A loop that has had its turn, and what it waits for.
    private struct Watched {
        let loop: EventLoop
        var request: EventLoop.Request
    }

    private static let pool = Locked<[(thread: PollThread, loops: Int)]>([])
    private static let limit = 4

    private let state = Locked(State())
    private let wakeUp: Int32

    private init() throws(Errno) {
        wakeUp = DescriptorReserve.keeping(eventfd(0, O_CLOEXEC | O_NONBLOCK))
        guard wakeUp >= 0 else { throw Errno(code: errno) }
        do throws(Errno) {
            try startThread("ssh") { [self] in
                state.withLock { $0.thread = pthread_self() }
                run()
            }
        } catch {
            Glibc.close(wakeUp)
            throw error
        }
    }

    /// The thread with the fewest loops, which has one more from now on, until ``leave()``.
    ///
    /// Throws where there is none yet, and no descriptor or thread is left for one.
    static func join() throws(Errno) -> PollThread {
        try pool.withLock { (pool) throws(Errno) in
            let place = pool.indices.min { pool[$0].loops < pool[$1].loops }
            if let place, pool[place].loops == 0 || pool.count >= limit {
                pool[place].loops += 1
                return pool[place].thread
            }
            do throws(Errno) {
                let thread = try PollThread()
                pool.append((thread, 1))
                return thread
            } catch {
                // One more is a gain of speed only.
                guard let place else { throw error }
                pool[place].loops += 1
                return pool[place].thread
            }
        }
    }

    /// Notes that a loop is gone.
    func leave() {
        Self.pool.withLock { pool in
            if let place = pool.firstIndex(where: { $0.thread === self }) { pool[place].loops -= 1 }
        }
    }

    /// Gives `loop` a turn, from any thread; it must not be in the queue already.
    func schedule(_ loop: EventLoop) {
        let mustWake = state.withLock { state in
            state.ready.append(loop)
            return state.ready.count == 1 && !state.isOwnThread
        }
        if mustWake {
            var one: UInt64 = 1
            // It cannot be full: it is read before each wait.
            _ = Glibc.write(wakeUp, &one, MemoryLayout<UInt64>.size)
        }
    }

    /// Whether the caller runs in a turn of `loop`.
    func isRunning(_ loop: EventLoop) -> Bool {
        state.withLock { $0.isOwnThread && $0.current === loop }
    }

    private func run() {
        var watched: [ObjectIdentifier: Watched] = [:]
        while true {
            var (due, events) = wait(for: watched)
            for loop in state.withLock({ state in
                defer { state.ready = [] }
                return state.ready
            }) { due[ObjectIdentifier(loop)] = loop }
            for (id, loop) in due {
                state.withLock { $0.current = loop }
                let request = loop.turn(events[id] ?? [])
                state.withLock { $0.current = nil }
                watched[id] = request.map { Watched(loop: loop, request: $0) }
            }
        }
    }

    /// The loops for which something happened or whose time has come, and what happened.
    private func wait(
        for watched: [ObjectIdentifier: Watched]
    ) -> (due: [ObjectIdentifier: EventLoop], events: [ObjectIdentifier: [pollfd]]) {
        var descriptors = [pollfd(fd: wakeUp, events: Int16(POLLIN), revents: 0)]
        var owners: [ObjectIdentifier] = []
        var end: ContinuousClock.Instant?
        for (id, entry) in watched {
            for descriptor in entry.request.descriptors {
                descriptors.append(descriptor)
                owners.append(id)
            }
            if let deadline = entry.request.deadline { end = min(end ?? deadline, deadline) }
        }
        let isBusy = state.withLock { !$0.ready.isEmpty }
        // EINTR counts as a wake-up on which nothing happened.
        let count = poll(&descriptors, nfds_t(descriptors.count), isBusy ? 0 : Self.milliseconds(until: end))
        var due: [ObjectIdentifier: EventLoop] = [:]
        var events: [ObjectIdentifier: [pollfd]] = [:]
        if count > 0 {
            if descriptors[0].revents != 0 {
                var count: UInt64 = 0
                _ = read(wakeUp, &count, MemoryLayout<UInt64>.size)
            }
            for (descriptor, owner) in zip(descriptors.dropFirst(), owners) where descriptor.revents != 0 {
                events[owner, default: []].append(descriptor)
                due[owner] = watched[owner]?.loop
            }
        }
        if let end, end <= .now {
            let now = ContinuousClock.now
            for (id, entry) in watched {
                if let deadline = entry.request.deadline, deadline <= now { due[id] = entry.loop }
            }
        }
        return (due, events)
    }

    /// How long `poll` may wait, rounded up, so that the deadline has passed when the wait is over.
    private static func milliseconds(until end: ContinuousClock.Instant?) -> Int32 {
        guard let end else { return -1 }
        let left = max(.zero, end - .now)
        return Int32(
            clamping: left.components.seconds * 1000
                + (left.components.attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
