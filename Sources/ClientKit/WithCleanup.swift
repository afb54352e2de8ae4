/// Does `work` and then `cleanUp`, even if `work` throws.
///
/// `cleanUp` runs in a separate task, which a cancellation of the current task does not affect.
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
