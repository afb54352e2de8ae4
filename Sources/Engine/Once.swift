import ClientKit

/// Values, each of which is new once.
final class Once<Value: Hashable & Sendable>: Sendable {
    private let seen = Locked<Set<Value>>([])

    /// Whether `value` comes for the first time.
    func isNew(_ value: Value) -> Bool { seen.withLock { $0.insert(value).inserted } }
}
