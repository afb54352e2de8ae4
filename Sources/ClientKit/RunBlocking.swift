import Dispatch

/// Runs blocking file work on a dispatch thread, so that Swift's cooperative pool keeps its threads.
public func runBlocking<Value: Sendable>(
    _ work: @escaping @Sendable () throws -> Value
) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async {
            continuation.resume(with: Result { try work() })
        }
    }
}
