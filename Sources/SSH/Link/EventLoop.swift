import Foundation
import Glibc

/// A serial executor on one thread of its own that waits in `poll` for file descriptors and for jobs at once.
///
/// The actor that runs on it may keep sockets going between its jobs: after each batch of jobs, and after each wake-up of
/// `poll`, the executor calls the actor's `turn`, which does what can be done without blocking and says what to wait for.
/// Enqueueing a job ends the wait, so nothing has to be woken by hand.
final class EventLoop: SerialExecutor {
    /// What to wait for until the next turn.
    struct Request {
        /// The descriptors, with the events of interest.
        var descriptors: [pollfd] = []
        /// When to stop waiting even if nothing happens.
        var deadline: ContinuousClock.Instant?
    }

    private struct State {
        var jobs: [UnownedJob] = []
        var thread: pthread_t?
        var isStopped = false
    }

    // Touched inside `withState` only, which holds the lock. Not a Mutex: where two threads want one at once, it goes through
    // a library into which the thread sanitizer cannot see, and races are reported that are none.
    private nonisolated(unsafe) var unguardedState = State()
    private let lock = NSLock()
    private let wakeReader: Int32
    private let wakeWriter: Int32

    /// Makes an executor; jobs wait until ``start(label:turn:)``.
    init() {
        var ends: [Int32] = [-1, -1]
        // Without descriptors the process cannot do anything at all, so there is no one to hand the error to.
        precondition(socketpair(AF_UNIX, TCPSocket.flags, 0, &ends) == 0, "no file descriptors left")
        wakeReader = ends[0]
        wakeWriter = ends[1]
    }

    deinit {
        Glibc.close(wakeReader)
        Glibc.close(wakeWriter)
    }

    /// Starts the thread.
    ///
    /// `turn` gets the descriptors on which something happened, and returns nil when its actor is gone.
    func start(label: String, turn: @escaping @Sendable ([pollfd]) -> Request?) {
        let thread = Thread {
            self.withState { $0.thread = pthread_self() }
            self.loop(turn)
        }
        thread.name = label
        thread.start()
    }

    /// Ends the thread after the job that calls this.
    func stop() {
        withState { $0.isStopped = true }
    }

    /// Takes a job and ends the wait of the thread.
    func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        let mustWake = withState { state in
            state.jobs.append(unowned)
            return state.jobs.count == 1 && state.thread.map { pthread_equal($0, pthread_self()) == 0 } ?? true
        }
        if mustWake {
            var byte: UInt8 = 0
            // A full socket means that a wake-up is already on its way.
            _ = Glibc.write(wakeWriter, &byte, 1)
        }
    }

    /// Lets `assumeIsolated` succeed in a turn, which is not a job but runs on the same thread.
    func checkIsolated() {
        precondition(isIsolatingCurrentContext() == true, "not on the session's thread")
    }

    /// Whether the caller is on the executor's thread.
    func isIsolatingCurrentContext() -> Bool? {
        withState { state in state.thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false }
    }

    private func withState<Result>(_ body: (inout State) -> Result) -> Result {
        lock.withLock { body(&unguardedState) }
    }

    private func loop(_ turn: @Sendable ([pollfd]) -> Request?) {
        var events: [pollfd] = []
        while true {
            let isStopped = runJobs()
            if isStopped { return }
            let request = turn(events) ?? Request()
            events = withState { !$0.jobs.isEmpty } ? [] : wait(for: request)
        }
    }

    /// Runs jobs until none is left, and tells whether one of them stopped the executor.
    private func runJobs() -> Bool {
        while true {
            let (jobs, isStopped) = withState { state in
                defer { state.jobs.removeAll(keepingCapacity: true) }
                return (state.jobs, state.isStopped)
            }
            if jobs.isEmpty { return isStopped }
            for job in jobs {
                job.runSynchronously(on: asUnownedSerialExecutor())
            }
        }
    }

    private func wait(for request: Request) -> [pollfd] {
        var descriptors = request.descriptors
        descriptors.append(pollfd(fd: wakeReader, events: Int16(POLLIN), revents: 0))
        var milliseconds: Int32 = -1
        if let deadline = request.deadline {
            let left = max(.zero, deadline - .now)
            // Rounded up, so that the deadline has passed when the wait is over.
            milliseconds = Int32(
                clamping: left.components.seconds * 1000
                    + (left.components.attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
        }
        // EINTR counts as a wake-up on which nothing happened.
        guard poll(&descriptors, nfds_t(descriptors.count), milliseconds) > 0 else { return [] }
        if descriptors.removeLast().revents != 0 {
            var drained = [UInt8](repeating: 0, count: 64)
            while read(wakeReader, &drained, drained.count) > 0 {}
        }
        return descriptors.filter { $0.revents != 0 }
    }
}
