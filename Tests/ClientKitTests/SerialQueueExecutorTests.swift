import ClientKit
import Dispatch
import Testing

/// An actor whose first call blocks its queue, as a slow disk does.
private actor Desk {
    private let executor = SerialQueueExecutor(label: "test.desk")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private(set) var done: [String] = []

    func hold(until open: DispatchSemaphore, _ isHeld: DispatchSemaphore) {
        isHeld.signal()
        open.wait()
    }

    func note(_ name: String) { done.append(name) }
}

@Suite(.timeLimit(.minutes(15))) struct SerialQueueExecutorTests {
    /// Nothing that is urgent waits for more than what is being done, and the rest keeps its order.
    @Test func urgentJobsGoFirst() async throws {
        let desk = Desk()
        let (open, isHeld) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let holder = Task { await desk.hold(until: open, isHeld) }
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                isHeld.wait()
                continuation.resume()
            }
        }
        // Enqueued here and now, each where it first waits for the desk.
        var tasks: [Task<Void, Never>] = []
        for (name, priority) in [
            ("first", TaskPriority.medium), ("second", .low), ("third", .medium), ("urgent", .high),
            ("urgent too", .high),
        ] {
            tasks.append(Task.immediateDetached(priority: priority) { await desk.note(name) })
        }
        open.signal()
        for task in tasks { await task.value }
        await holder.value
        #expect(await desk.done == ["urgent", "urgent too", "first", "second", "third"])
    }
}
