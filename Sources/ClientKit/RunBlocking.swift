import Dispatch

/// Runs blocking file work on a dispatch thread, so that Swift's cooperative pool keeps its
/// threads.
public func runBlocking<Value: Sendable>(
    _ work: @escaping @Sendable () throws -> Value
) async throws -> Value {
    try await blockingResult(of: work).get()
}

/// Runs blocking file work on a dispatch thread, and keeps the type of its error.
public func blockingResult<Value: Sendable, Failure: Error>(
    of work: @escaping @Sendable () throws(Failure) -> Value
) async -> Result<Value, Failure> {
    await withCheckedContinuation { continuation in
        DispatchQueue.global().async {
            continuation.resume(returning: Result(catching: work))
        }
    }
}
