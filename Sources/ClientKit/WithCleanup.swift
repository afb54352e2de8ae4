/// Does `work` and then `cleanUp`, also where `work` throws.
///
/// `cleanUp` runs in a task of its own: a cancellation of the current task does not reach it.
public func withCleanup<Value>(
    _ cleanUp: @escaping @Sendable () async -> Void, after work: () async throws -> Value
) async throws -> Value {
    let value: Value
    do {
        value = try await work()
    } catch {
        await Task { await cleanUp() }.value
        throw error
    }
    await Task { await cleanUp() }.value
    return value
}
