/// Values that are created on first use: once even for concurrent callers, and again once a value
/// is no longer usable.
public actor KeyedCache<Key: Hashable & Sendable, Value: Sendable> {
    /// A value, or one that is being created for as long as somebody waits for it.
    private final class Making: Sendable {
        private struct State {
            var callers = 0
            var isDone = false
            var isGivenUp = false
        }

        let task: Task<Value, any Error>
        private let state: Locked<State>

        init(_ make: @escaping @Sendable () async throws -> Value) {
            let state = Locked(State())
            self.state = state
            task = Task {
                defer { state.withLock { $0.isDone = true } }
                return try await make()
            }
        }

        /// Counts one more who waits; false where nobody did any more.
        func join() -> Bool {
            state.withLock { state in
                if state.isDone { return true }
                guard !state.isGivenUp else { return false }
                state.callers += 1
                return true
            }
        }

        /// Ends the creation with the last who leaves before it is done.
        func leave() {
            let isLast = state.withLock { state in
                guard !state.isDone else { return false }
                state.callers -= 1
                state.isGivenUp = state.callers == 0
                return state.isGivenUp
            }
            if isLast { task.cancel() }
        }
    }

    private var made: [Key: Making] = [:]
    private let isUsable: @Sendable (Value) async -> Bool

    /// A value is created again once it is no longer usable.
    public init(while isUsable: @escaping @Sendable (Value) async -> Bool = { _ in true }) {
        self.isUsable = isUsable
    }

    /// The value of `key`; failures are not kept.
    public func value(
        for key: Key, make: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        while let known = made[key], known.join() {
            let value = try await result(of: known, for: key)
            if await isUsable(value) { return value }
            forget(known, for: key)
        }
        let making = Making(make)
        _ = making.join()
        made[key] = making
        return try await result(of: making, for: key)
    }

    /// Removes and returns all values; one that is still being created is discarded.
    public func takeAll() async -> [Value] {
        let tasks = made.values.map(\.task)
        made = [:]
        var values: [Value] = []
        for task in tasks {
            task.cancel()
            if case .success(let value) = await task.result { values.append(value) }
        }
        return values
    }

    /// A question that is no longer asked must not fail another one that waits for the same connection.
    private func result(of making: Making, for key: Key) async throws -> Value {
        do {
            return try await withTaskCancellationHandler {
                try await making.task.value
            } onCancel: {
                making.leave()
            }
        } catch {
            forget(making, for: key)
            throw error
        }
    }

    private func forget(_ making: Making, for key: Key) {
        if made[key] === making { made[key] = nil }
    }
}
