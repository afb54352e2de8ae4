import Foundation

/// A value that one thread at a time can reach.
///
/// `Synchronization.Mutex` would serve as well, but on Linux the Thread Sanitizer cannot see into the part of it that waits, and
/// reports every contended access as a race; it knows the lock underneath `NSLock`.
final class Locked<Value: Sendable>: @unchecked Sendable {
    // Sendable although unchecked: `value` is private and touched only between lock and unlock below.
    private let lock = NSLock()
    private var value: Value

    init(_ value: Value) {
        self.value = value
    }

    func withLock<Result, Failure>(_ body: (inout Value) throws(Failure) -> Result) throws(Failure) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return try body(&value)
    }
}
