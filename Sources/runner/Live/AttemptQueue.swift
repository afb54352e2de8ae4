/// Runs one attempt at a time, in order of arrival.
///
/// Callers that waited while an attempt failed get its error: another attempt would fail the same
/// way. One that is cancelled while it waits throws `CancellationError` at once.
actor AttemptQueue {
    private var isTaken = false
    private var waiting: [(number: Int, turn: CheckedContinuation<Void, any Error>)] = []
    private var lastNumber = 0
    private var failure: (error: any Error, ended: ContinuousClock.Instant)?

    /// The result of `attempt`; `isShared` decides which errors apply to the waiting callers too.
    func run<Value: Sendable>(
        _ attempt: @Sendable () async throws -> Value,
        sharing isShared: @Sendable (any Error) -> Bool
    ) async throws -> Value {
        let asked = ContinuousClock.now
        if isTaken {
            try await awaitTurn()
        } else {
            isTaken = true
        }
        defer {
            if waiting.isEmpty { isTaken = false } else { waiting.removeFirst().turn.resume() }
        }
        if let failure, failure.ended >= asked { throw failure.error }
        do {
            return try await attempt()
        } catch {
            if isShared(error) { failure = (error, .now) }
            throw error
        }
    }

    private func awaitTurn() async throws {
        lastNumber += 1
        let number = lastNumber
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (turn: CheckedContinuation<Void, any Error>) in
                // Whoever was cancelled before it stands in the queue is not found there.
                if Task.isCancelled { return turn.resume(throwing: CancellationError()) }
                waiting.append((number, turn))
            }
        } onCancel: {
            Task { await leave(number) }
        }
    }

    private func leave(_ number: Int) {
        guard let index = waiting.firstIndex(where: { $0.number == number }) else { return }
        waiting.remove(at: index).turn.resume(throwing: CancellationError())
    }
}
