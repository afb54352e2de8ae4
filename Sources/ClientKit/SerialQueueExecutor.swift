import Dispatch
import Synchronization

/// A serial executor on its own dispatch queue, for actors that make blocking C calls.
///
/// Swift's cooperative pool has one thread per core; a blocked thread there stalls unrelated work.
/// An actor that returns `unownedExecutor` of one of these blocks only itself. Where calls are slow,
/// jobs of `high` priority do not wait behind others.
public final class SerialQueueExecutor: SerialExecutor {
    private struct Waiting {
        var urgent: ArraySlice<UnownedJob> = []
        var others: ArraySlice<UnownedJob> = []

        mutating func next() -> UnownedJob? { urgent.popFirst() ?? others.popFirst() }
    }

    private let queue: DispatchQueue
    private let waiting = Locked(Waiting())
    /// The order that the queue keeps, for the Thread Sanitizer: an enqueuing before its turn, a turn before the next.
    ///
    /// It cannot see into the dispatch library, and would report what turns on two threads share as races.
    private let turns = Atomic(0)

    /// Makes an executor whose queue is shown as `label` in debuggers.
    public init(label: String) {
        queue = DispatchQueue(label: label)
    }

    /// Runs `job` after all jobs that were enqueued before it, apart from those of lower priority
    /// than `high` where it has that.
    public func enqueue(_ job: consuming ExecutorJob) {
        let isUrgent = job.priority.rawValue >= TaskPriority.high.rawValue
        let unowned = UnownedJob(job)
        waiting.withLock { waiting in
            if isUrgent { waiting.urgent.append(unowned) } else { waiting.others.append(unowned) }
        }
        // One turn for each job, whichever is next by then.
        turns.add(1, ordering: .releasing)
        queue.async {
            _ = self.turns.load(ordering: .acquiring)
            self.waiting.withLock { $0.next() }?.runSynchronously(on: self.asUnownedSerialExecutor())
            self.turns.add(1, ordering: .releasing)
        }
    }
}
