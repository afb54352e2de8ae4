/// The options of a run beyond the inventory; recorded with the run, so that `resume` obeys them
/// too.
public struct RunOptions: Sendable, Hashable {
    /// Whether the database is renamed and a new one created.
    public var resetsDatabase: Bool
    /// Whether existing data is migrated without a backup.
    public var skipsBackup: Bool
    /// The run's id, which names what belongs to it; `nil` for a plan.
    public internal(set) var run: String?
    /// Whether what the step finds done may be the run's own work.
    ///
    /// So it is once a check of the run found something missing in it, also before a resume. The preflight is told whether
    /// the run is resumed.
    public internal(set) var isResumed = false
    /// Whether one of the run's steps has begun, so that `runner resume` goes on with it where it ends now.
    public internal(set) var canBeResumed = false

    /// Whether this is the plan of a run that resets the database, so that its contents do not
    /// count.
    public var isPlanningReset: Bool { resetsDatabase && run == nil }

    /// Describes options; none by default.
    public init(resetsDatabase: Bool = false, skipsBackup: Bool = false) {
        self.resetsDatabase = resetsDatabase
        self.skipsBackup = skipsBackup
    }

    /// Reads the options from a run's header.
    public init(recorded: [String]) {
        self.init(
            resetsDatabase: recorded.contains(Self.resetDatabase), skipsBackup: recorded.contains(Self.noBackup))
    }

    /// The options for the run's header.
    public var record: [String] {
        (resetsDatabase ? [Self.resetDatabase] : []) + (skipsBackup ? [Self.noBackup] : [])
    }

    /// The same options for the run `id`.
    ///
    /// One of its steps has begun if `isResumed` or `hasBegun`.
    public func of(run id: String, isResumed: Bool = false, hasBegun: Bool = false) -> RunOptions {
        var options = self
        options.run = id
        options.isResumed = isResumed
        options.canBeResumed = isResumed || hasBegun
        return options
    }

    private static let resetDatabase = "reset-database"
    private static let noBackup = "no-backup"
}

/// A step that a run has only if its operator requests it, and that is done at most once per run.
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
