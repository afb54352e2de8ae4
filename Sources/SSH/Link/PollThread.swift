import CLibSSH2
import ClientKit
import Glibc

/// A thread that gives many ``EventLoop``s their turns, and waits for the descriptors of all.
///
/// There are a few of them, however many hosts there are: enough that a turn which takes long, such as the one that
/// decrypts a key file in 90 ms, does not delay all others.
final class PollThread: Sendable {
    private struct State {
        /// Those that have something to do, each once.
        var ready: [EventLoop] = []
        /// Whose turn it is.
        var current: EventLoop?
        var thread: pthread_t?
        var isOwnThread: Bool { thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false }
    }

    private static let pool = Locked<[(thread: PollThread, loops: Int)]>([])
    private static let limit = 4

    private let state = Locked(State())
    private let wakeUp: Int32
    private let polled: Int32
    /// Where loops receive what they then copy, in their turns; one for all, because most wait for little.
    ///
    /// `nonisolated(unsafe)` is right: turns run on this thread, one at a time, and keep nothing of it.
    nonisolated(unsafe) let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)

    private init() throws(Errno) {
        polled = DescriptorReserve.keeping(epoll_create1(Int32(EPOLL_CLOEXEC)))
        guard polled >= 0 else { throw Errno(code: errno) }
        wakeUp = DescriptorReserve.keeping(eventfd(0, O_CLOEXEC | O_NONBLOCK))
        guard wakeUp >= 0 else {
            let code = errno
            Glibc.close(polled)
            throw Errno(code: code)
        }
        do throws(Errno) {
            try startThread("ssh") { [self] in
                state.withLock { $0.thread = pthread_self() }
                run()
            }
        } catch {
            Glibc.close(polled)
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
        var watched = WatchedLoops(on: polled, wakeUp: wakeUp)
        while true {
            var due = watched.wait(forNoTime: state.withLock { !$0.ready.isEmpty })
            let ready = state.withLock { state in
                defer { state.ready = [] }
                return state.ready
            }
            for loop in ready where due[ObjectIdentifier(loop)] == nil { due[ObjectIdentifier(loop)] = (loop, []) }
            for (loop, events) in due.values {
                state.withLock { $0.current = loop }
                let request = loop.turn(events)
                state.withLock { $0.current = nil }
                watched.set(request, of: loop)
            }
        }
    }
}
