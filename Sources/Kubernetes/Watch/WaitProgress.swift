/// The progress of a wait, after each check.
public struct WaitProgress: Sendable {
    /// What is waited for: `Deployment web`, comma-separated where there are several.
    public let waitingFor: String
    /// What was last observed.
    public let lastSeen: String
    /// The problem, if there is one.
    public let problem: Problem?
    /// The time since the wait began.
    public let elapsed: Duration
    /// The time until it fails.
    public let left: Duration
}
