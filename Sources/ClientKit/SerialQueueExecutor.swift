import Dispatch

/// A serial executor on its own dispatch queue, for actors that make blocking C calls.
///
/// Swift's cooperative pool has one thread per core; a blocked thread there stalls unrelated work.
/// An actor that returns `unownedExecutor` of one of these blocks only itself.
public final class SerialQueueExecutor: SerialExecutor {
    private let queue: DispatchQueue

    /// Makes an executor whose queue is shown as `label` in debuggers.
    public init(label: String) {
        queue = DispatchQueue(label: label)
    }

    /// Runs `job` after all jobs that were enqueued before it.
    public func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        queue.async {
            unowned.runSynchronously(on: self.asUnownedSerialExecutor())
        }
    }
}
