import Testing

@testable import SSH

/// The executor of connections.
@Suite struct EventLoopTests {
    /// An actor whose loop has one turn after another, as that of a connection whose deadlines pass.
    private actor Worker {
        let loop: EventLoop

        nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

        init() throws {
            loop = try EventLoop()
            loop.attach { [weak self] _ in self.map { _ in EventLoop.Request(deadline: .now) } }
        }

        isolated deinit { loop.stop() }

        func work() {}
    }

    /// The job that is taken by a turn under way may be the last that holds the loop.
    ///
    /// With jobs that could be taken before the loop was in the queue, one of two runs of twice as many crashed.
    @Test func aLoopThatIsReleasedByItsLastJobIsNotInItsThreadsQueue() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<5_000 {
                        let worker = try Worker()
                        for _ in 0..<3 { await worker.work() }
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
