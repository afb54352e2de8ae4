/// What the operator asked of a run beyond the inventory; recorded with the run, so that `resume`
/// obeys it too.
public struct RunOptions: Sendable, Hashable {
    /// Whether the database is set aside and created again.
    public var resetsDatabase: Bool
    /// Whether existing data is migrated without a backup.
    public var skipsBackup: Bool
    /// The run's id, which names what belongs to it; `nil` for a plan.
    public internal(set) var run: String?
    /// Whether the run was started earlier: what a step finds done may be its own work.
    public internal(set) var isResumed = false

    /// Whether this is a plan of a run that resets the database: what is in it now will be gone then.
    public var isPlanningReset: Bool { resetsDatabase && run == nil }

    /// No options, unless given.
    public init(resetsDatabase: Bool = false, skipsBackup: Bool = false) {
        self.resetsDatabase = resetsDatabase
        self.skipsBackup = skipsBackup
    }

    /// What a run's header says.
    public init(recorded: [String]) {
        self.init(
            resetsDatabase: recorded.contains(Self.resetDatabase), skipsBackup: recorded.contains(Self.noBackup))
    }

    /// The options that were given, for the run's header.
    public var record: [String] {
        (resetsDatabase ? [Self.resetDatabase] : []) + (skipsBackup ? [Self.noBackup] : [])
    }

    /// The same options of the run `id`, which was started earlier if `isResumed`.
    public func of(run id: String, isResumed: Bool = false) -> RunOptions {
        var options = self
        options.run = id
        options.isResumed = isResumed
        return options
    }

    private static let resetDatabase = "reset-database"
    private static let noBackup = "no-backup"
}

/// A step that a run has only when its operator asks for it, and that is done at most once in a run.
///
/// Its checkpoint is final: `resume` does not check it again.
public protocol StepOnRequest: Step {
    /// Whether a run with `options` has this step.
    func isRequested(by options: RunOptions) -> Bool
}

extension Module {
    /// The steps of a run with `options`, in their order.
    public func steps(for options: RunOptions) -> [any Step] {
        steps.filter { ($0 as? any StepOnRequest)?.isRequested(by: options) ?? true }
    }
}
