/// Values that are created on first use: once even for concurrent callers, and again once a value
/// is no longer usable.
public actor KeyedCache<Key: Hashable & Sendable, Value: Sendable> {
    private var made: [Key: Task<Value, any Error>] = [:]
    private let isUsable: @Sendable (Value) async -> Bool

    /// A value is created again once it is no longer usable.
    public init(while isUsable: @escaping @Sendable (Value) async -> Bool = { _ in true }) {
        self.isUsable = isUsable
    }

    /// The value of `key`; failures are not kept.
    public func value(
        for key: Key, make: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        while let known = made[key] {
            let value = try await result(of: known, for: key)
            if await isUsable(value) { return value }
            forget(known, for: key)
        }
        let making = Task { try await make() }
        made[key] = making
        return try await result(of: making, for: key)
    }

    /// Removes and returns all values; one that is still being created is discarded.
    public func takeAll() async -> [Value] {
        let tasks = Array(made.values)
        made = [:]
        var values: [Value] = []
        for task in tasks {
            task.cancel()
            if case .success(let value) = await task.result { values.append(value) }
        }
        return values
    }

    /// A cancelled caller cancels the creation for all: they belong to one run.
    private func result(of task: Task<Value, any Error>, for key: Key) async throws -> Value {
        do {
            return try await withTaskCancellationHandler {
                try await task.value
            } onCancel: {
                task.cancel()
            }
        } catch {
            forget(task, for: key)
            throw error
        }
    }

    private func forget(_ task: Task<Value, any Error>, for key: Key) {
        if made[key] == task { made[key] = nil }
    }
}
