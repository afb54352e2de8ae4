/// A value that must never be printed: passwords, tokens, key material.
///
/// Every way of turning a Swift value into text (interpolation, `print`, `dump`, reflection,
/// debugger) shows `•••`. The only way to the bytes is ``reveal()``, so that each use can be found
/// by searching for one word.
public struct Secret: Sendable, Hashable {
    private let value: String

    /// Wraps `value`.
    public init(_ value: String) {
        self.value = value
    }

    /// The value itself, for a server on stdin or over a socket; never for argv, a log, or a file
    /// that is not 0600.
    public func reveal() -> String {
        value
    }

    /// Whether the value is the empty string, which no server here accepts as a password.
    public var isEmpty: Bool {
        value.isEmpty
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Always `•••`.
    public var description: String { "•••" }

    /// Always `•••`.
    public var debugDescription: String { "•••" }

    /// A mirror without children, so that `dump` shows nothing.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
