import ClientKit
import Testing

@testable import RunnerCommands

/// Attempts that come one after another.
@Suite(.timeLimit(.minutes(20))) struct AttemptQueueTests {
    /// Ctrl-C waited for the attempt of another, as for a host that does not answer.
    @Test func whoIsCancelledWaitsNoLonger() async throws {
        let queue = AttemptQueue()
        let (begun, mayEnd) = (Locked<[String]>([]), Locked(false))
        @Sendable func attempt(_ name: String) async throws {
            try await queue.run {
                begun.withLock { $0.append(name) }
                try await eventually("it may end", within: .seconds(600)) { mayEnd.withLock { $0 } }
            } sharing: { _ in
                false
            }
        }
        let first = Task { try await attempt("first") }
        try await eventually("the first has begun", within: .seconds(600)) { begun.withLock { $0 } == ["first"] }
        // Some are cancelled before they wait, and some while they do.
        for _ in 1...10 {
            let other = Task { try await attempt("cancelled") }
            if Bool.random() { await Task.yield() }
            other.cancel()
            await #expect(throws: CancellationError.self) { try await other.value }
        }
        let last = Task { try await attempt("last") }
        mayEnd.withLock { $0 = true }
        try await first.value
        try await last.value
        #expect(begun.withLock { $0 } == ["first", "last"])
    }
}
