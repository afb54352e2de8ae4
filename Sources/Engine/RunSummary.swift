/// What a whole run came to.
public struct RunSummary: Sendable {
    /// The run's id.
    public let runID: String
    /// How many steps found nothing to do.
    public let inPlace: Int
    /// How many steps changed something.
    public let applied: Int
    /// The failure that ended the run, `nil` when it succeeded.
    public let failure: RunFailure?
    /// Whether `runner resume` continues it: it has begun a step, and has not succeeded.
    public let isResumable: Bool
    /// What the operator needs after the run, such as where a backup lies; each told once.
    public let notes: [String]
    /// From the command to the end.
    public let duration: Duration
}
