import ClientKit
import Glibc

/// A serial executor that waits in `poll` for file descriptors and for jobs at once, on a ``PollThread`` that it shares with
/// others.
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
        /// Whether a turn is to come, or is under way and will see what is added.
        var isScheduled = false
        var isStopped = false

        /// Notes that a turn is needed; false where one is to come already.
        mutating func needsTurn() -> Bool {
            defer { isScheduled = true }
            return !isScheduled
        }
    }

    private let state = Locked(State())
    private let thread: PollThread

    /// Throws where there is no descriptor or no thread left for the first one.
    init() throws(Errno) {
        thread = try PollThread.join()
    }

    deinit {
        thread.leave()
    }

    /// For what is received in a turn; what it holds is gone with the next turn.
    var scratch: UnsafeMutableRawBufferPointer { thread.scratch }

    /// Says what keeps the actor's sockets going.
    ///
    /// `process` gets the descriptors on which something happened, and returns nil when its actor is gone.
    func attach(_ process: @escaping @Sendable ([pollfd]) -> Request?) {
        state.withLock { $0.process = process }
    }

    /// Ends the turns after the job that calls this.
    func stop() {
        state.withLock { state in
            state.isStopped = true
            if state.needsTurn() { thread.schedule(self) }
        }
    }

    /// Takes a job and ends the wait of the thread.
    func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        state.withLock { state in
            state.jobs.append(unowned)
            // Under the lock: a turn that is under way may run the job at once, and when it is done nothing may hold
            // this loop any longer. From here on the thread's queue holds it.
            if state.needsTurn() { thread.schedule(self) }
        }
    }

    /// Lets `assumeIsolated` succeed in `process`, which is not a job but runs in the same turn.
    func checkIsolated() {
        precondition(isIsolatingCurrentContext() == true, "not in a turn of the session's loop")
    }

    /// Whether the caller is in a turn of this loop.
    func isIsolatingCurrentContext() -> Bool? {
        thread.isRunning(self)
    }

    /// Watches `wait`, which belongs to a task on this loop.
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

    /// Ends the waits that are over, runs the jobs, and keeps the sockets going; returns what to wait for, or nil
    /// when it was stopped.
    ///
    /// What moves on the sockets makes jobs, such as that of a command which has its answer: they run in the same turn.
    func turn(_ events: [pollfd]) -> Request? {
        endWaits(after: events)
        var events = events
        var request = Request()
        var isResting = false
        for _ in 0..<Self.rounds where !isResting {
            if runJobs() { return nil }
            request = state.withLock { $0.process }?(events) ?? Request()
            events = []
            isResting = isAtRest()
        }
        if !isResting { thread.schedule(self) }
        for pending in state.withLock({ $0.pending }) {
            request.descriptors += pending.descriptors
            request.deadline = min(request.deadline ?? pending.end, pending.end)
        }
        return request
    }

    /// How often jobs and sockets have their turn before those of other loops.
    private static let rounds = 4

    /// Whether there are no jobs; any that come later need another turn.
    private func isAtRest() -> Bool {
        state.withLock { state in
            state.isScheduled = !state.jobs.isEmpty
            return state.jobs.isEmpty
        }
    }

    /// Runs jobs until none is left, and returns whether the loop is stopped.
    private func runJobs() -> Bool {
        while true {
            let (jobs, isStopped) = state.withLock { state in
                defer { state.jobs = [] }
                // Until this turn ends, it sees what is added.
                state.isScheduled = !state.jobs.isEmpty || !state.isStopped
                return (state.jobs, state.isStopped)
            }
            if jobs.isEmpty { return isStopped }
            for job in jobs {
                job.runSynchronously(on: asUnownedSerialExecutor())
            }
        }
    }

    private func endWaits(after events: [pollfd]) {
        let now = ContinuousClock.now
        for entry in state.withLock({ $0.pending }) {
            if entry.descriptors.contains(where: { wanted in events.contains { $0.fd == wanted.fd } }) {
                finish(entry.wait, as: .signalled)
            } else if now >= entry.end {
                finish(entry.wait, as: .timedOut)
            }
        }
    }

    /// Ends `wait` and forgets it at once: until its task runs, which may take long, it would end every wait of the
    /// thread.
    private func finish(_ wait: Wait, as end: Wait.End) {
        remove(wait)
        wait.end(end)
    }
}
