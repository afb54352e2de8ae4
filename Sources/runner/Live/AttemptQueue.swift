/// Runs one attempt at a time, in order of arrival.
///
/// Callers that waited while an attempt failed get its error: another attempt would fail the same
/// way.
actor AttemptQueue {
    private var isTaken = false
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private var failure: (error: any Error, ended: ContinuousClock.Instant)?

    /// The result of `attempt`; `isShared` decides which errors apply to the waiting callers too.
    func run<Value: Sendable>(
        _ attempt: @Sendable () async throws -> Value,
        sharing isShared: @Sendable (any Error) -> Bool
    ) async throws -> Value {
        let asked = ContinuousClock.now
        if isTaken {
            await withCheckedContinuation { waiting.append($0) }
        } else {
            isTaken = true
        }
        defer {
            if waiting.isEmpty { isTaken = false } else { waiting.removeFirst().resume() }
        }
        if let failure, failure.ended >= asked { throw failure.error }
        do {
            return try await attempt()
        } catch {
            if isShared(error) { failure = (error, .now) }
            throw error
        }
    }
}
