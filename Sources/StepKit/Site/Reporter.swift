/// Where a step says what it is doing and waiting for; the engine decides who sees it.
public struct Reporter: Sendable {
    private let progress: @Sendable (String) -> Void
    private let warning: @Sendable (String) -> Void
    private let note: @Sendable (String) -> Void

    /// Sends progress, warnings and notes to these; notes may be of no interest.
    public init(
        progress: @escaping @Sendable (String) -> Void, warning: @escaping @Sendable (String) -> Void,
        note: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.progress = progress
        self.warning = warning
        self.note = note
    }

    /// Says what is being done or waited for now.
    public func says(_ text: String) {
        progress(text)
    }

    /// Says something an operator should know that does not fail the step; it is recorded.
    public func warns(_ text: String) {
        warning(text)
    }

    /// Says something an operator needs after the run, such as the way back; it is recorded, and told at the end.
    public func notes(_ text: String) {
        note(text)
    }
}
