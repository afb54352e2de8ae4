import ClientKit
import CLibSSH2
import Glibc

/// A serial executor on one thread of its own that waits in `poll` for file descriptors and for jobs at once.
///
/// The actor that runs on it may keep sockets going between its jobs: after each batch of jobs, and after
/// each wake-up of `poll`, the loop calls the actor's `process`, which does what can be done without
/// blocking and says what to wait for. Enqueueing a job ends the wait. The waits of tasks are watched too.
///
/// It is a task executor as well, for ``Wait``: what runs here belongs to the actor either way.
final class EventLoop: SerialExecutor, TaskExecutor {
    /// What to wait for until `process` is called again.
    struct Request {
        /// The descriptors, with the events of interest.
        var descriptors: [pollfd] = []
        /// When to stop waiting even if nothing happens.
        var deadline: ContinuousClock.Instant?
    }

    private struct Pending {
        let wait: Wait
        let descriptors: [pollfd]
        let end: ContinuousClock.Instant
    }

    private struct State {
        var jobs: [UnownedJob] = []
        var pending: [Pending] = []
        var process: (@Sendable ([pollfd]) -> Request?)?
        var thread: pthread_t?
        var isStopped = false
    }

    private let state = Locked(State())
    private let wakeUp: Int32

    /// Starts the thread, or throws where there is no descriptor or no thread left.
    init(label: String) throws(Errno) {
        wakeUp = eventfd(0, O_CLOEXEC | O_NONBLOCK)
        guard wakeUp >= 0 else { throw Errno(code: errno) }
        try startThread(label) {
            self.state.withLock { $0.thread = pthread_self() }
            self.run()
        }
    }

    deinit {
        if wakeUp >= 0 { Glibc.close(wakeUp) }
    }

    /// Says what keeps the actor's sockets going.
    ///
    /// `process` gets the descriptors on which something happened, and returns nil when its actor is gone.
    func attach(_ process: @escaping @Sendable ([pollfd]) -> Request?) {
        state.withLock { $0.process = process }
    }

    /// Ends the thread after the job that calls this.
    func stop() {
        state.withLock { $0.isStopped = true }
    }

    /// Takes a job and ends the wait of the thread.
    func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        let mustWake = state.withLock { state in
            state.jobs.append(unowned)
            return state.jobs.count == 1 && state.thread.map { pthread_equal($0, pthread_self()) == 0 } ?? true
        }
        if mustWake {
            var one: UInt64 = 1
            // It cannot be full: it is read before each wait.
            _ = Glibc.write(wakeUp, &one, MemoryLayout<UInt64>.size)
        }
    }

    /// Lets `assumeIsolated` succeed in `process`, which is not a job but runs on the same thread.
    func checkIsolated() {
        precondition(isIsolatingCurrentContext() == true, "not on the session's thread")
    }

    /// Whether the caller is on the loop's thread.
    func isIsolatingCurrentContext() -> Bool? {
        state.withLock { state in state.thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false }
    }

    /// Watches `wait`, which belongs to a task on this thread.
    func add(_ wait: Wait, for descriptors: [pollfd], until end: ContinuousClock.Instant) {
        state.withLock { $0.pending.append(Pending(wait: wait, descriptors: descriptors, end: end)) }
    }

    /// Forgets `wait`.
    func remove(_ wait: Wait) {
        state.withLock { state in
            if let place = state.pending.lastIndex(where: { $0.wait === wait }) { state.pending.remove(at: place) }
        }
    }

    /// Ends all waits as if their tasks were cancelled.
    func endWaits() {
        for pending in state.withLock({ $0.pending }) { pending.wait.end(.cancelled) }
    }

    private func run() {
        var events: [pollfd] = []
        while true {
            let isStopped = runJobs()
            if isStopped { return }
            let process = state.withLock { $0.process }
            events = wait(for: process?(events) ?? Request())
        }
    }

    /// Runs jobs until none is left, and tells whether one of them stopped the loop.
    private func runJobs() -> Bool {
        while true {
            let (jobs, isStopped) = state.withLock { state in
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
        let (hasJobs, pending) = state.withLock { (!$0.jobs.isEmpty, $0.pending) }
        var events: [pollfd] = []
        if !hasJobs {
            let ends = pending.map(\.end) + [request.deadline].compactMap { $0 }
            events = poll(request.descriptors + pending.flatMap(\.descriptors), until: ends.min())
        }
        let now = ContinuousClock.now
        for entry in pending {
            if entry.descriptors.contains(where: { wanted in events.contains { $0.fd == wanted.fd } }) {
                finish(entry.wait, as: .signalled)
            } else if now >= entry.end {
                finish(entry.wait, as: .timedOut)
            }
        }
        return events
    }

    /// Ends `wait` and forgets it at once: the task may be long in coming, and must not be waited for without a pause.
    private func finish(_ wait: Wait, as end: Wait.End) {
        remove(wait)
        wait.end(end)
    }

    /// The descriptors on which something happened before `end`.
    private func poll(_ descriptors: [pollfd], until end: ContinuousClock.Instant?) -> [pollfd] {
        var descriptors = descriptors + [pollfd(fd: wakeUp, events: Int16(POLLIN), revents: 0)]
        var milliseconds: Int32 = -1
        if let end {
            let left = max(.zero, end - .now)
            // Rounded up, so that the deadline has passed when the wait is over.
            milliseconds = Int32(
                clamping: left.components.seconds * 1000
                    + (left.components.attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
        }
        // EINTR counts as a wake-up on which nothing happened.
        guard Glibc.poll(&descriptors, nfds_t(descriptors.count), milliseconds) > 0 else { return [] }
        if descriptors.removeLast().revents != 0 {
            var count: UInt64 = 0
            _ = read(wakeUp, &count, MemoryLayout<UInt64>.size)
        }
        return descriptors.filter { $0.revents != 0 }
    }
}
