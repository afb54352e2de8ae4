import Foundation

/// A value that threads use in turn.
///
/// Not a Mutex: where two threads want one at once, it goes through a library into which the thread
/// sanitizer cannot see, and races are reported that are none. `@unchecked`: the value is touched
/// only while the lock is held.
final class Locked<Value>: @unchecked Sendable {
    private var value: Value
    private let lock = NSLock()

    init(_ value: sending Value) {
        self.value = value
    }

    func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        lock.withLock { body(&value) }
    }
}
