/// Where a step says what it is doing and waiting for; the engine decides who sees it.
public struct Reporter: Sendable {
    private let progress: @Sendable (String) -> Void
    private let warning: @Sendable (String) -> Void

    /// Sends progress and warnings to these two.
    public init(progress: @escaping @Sendable (String) -> Void, warning: @escaping @Sendable (String) -> Void) {
        self.progress = progress
        self.warning = warning
    }

    /// Says what is being done or waited for now.
    public func says(_ text: String) {
        progress(text)
    }

    /// Says something an operator should know that does not fail the step; it is recorded.
    public func warns(_ text: String) {
        warning(text)
    }
}
