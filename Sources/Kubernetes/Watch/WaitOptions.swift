public import ClientKit

/// The limits of a wait, and where to report its progress.
public struct WaitOptions: Sendable {
    /// When to give up.
    public var limit: TimeLimit
    /// The pause between two checks.
    public var interval: Duration
    /// The clock that measures both.
    public var clock: any Clock<Duration>
    /// What the image's registry accepted before, where that is known: a rejected pull may then
    /// succeed.
    public var accepted: AcceptedPull?
    /// Called after each check that did not end the wait.
    public var progress: @Sendable (WaitProgress) -> Void

    /// Describes a wait; see the properties.
    public init(
        limit: TimeLimit, interval: Duration = .seconds(1),
        clock: any Clock<Duration> = ContinuousClock(), accepted: AcceptedPull? = nil,
        progress: @escaping @Sendable (WaitProgress) -> Void = { _ in }
    ) {
        self.limit = limit
        self.interval = interval
        self.clock = clock
        self.accepted = accepted
        self.progress = progress
    }
}
