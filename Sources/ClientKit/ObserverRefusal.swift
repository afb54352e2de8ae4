/// Why an ``ActivityObserver`` did not let an activity begin, in the words of a client's error.
public struct ObserverRefusal: Sendable {
    /// The cause, after `nothing was sent: `.
    public let cause: String
    /// The remedy.
    public let remedy: String
    /// The kind, which decides how the run ends.
    public let kind: FailureKind

    /// Reads what the observer threw: its record cannot be written, the module belongs to another run by now, or the task
    /// was cancelled.
    public init(_ error: any Error) {
        switch error {
        case let error as any ExplainedError:
            (cause, remedy, kind) = ("could not \(error.attempt): \(error.cause)", error.remedy, error.kind)
        case is CancellationError:
            (cause, remedy, kind) = ("the task was cancelled", "run it again", .failed)
        default:
            (cause, remedy, kind) = (
                "it could not be recorded: \(error)", "make the record writable, then resume", .stateNotWritable
            )
        }
    }
}
