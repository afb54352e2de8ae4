import Foundation

/// A value that threads use in turn.
///
/// Not a `Mutex`: on Linux the Thread Sanitizer cannot see into the part of it that waits, and
/// reports contended access as a race; it knows the lock underneath `NSLock`. Sendable although
/// unchecked: `value` is private and touched only between lock and unlock below.
public final class Locked<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private var value: Value

    /// Takes ownership of a value to which there is no other reference.
    public init(_ value: sending Value) {
        self.value = value
    }

    /// Lets `body` read and change the value while no other thread can.
    public func withLock<Result, Failure>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return try body(&value)
    }
}
