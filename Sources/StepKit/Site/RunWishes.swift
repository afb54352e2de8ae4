/// What the operator asked of a run beyond the inventory; written down with the run, so that `resume` goes by it too.
public struct RunWishes: Sendable, Hashable {
    /// Whether the database is set aside and made anew.
    public var resetsDatabase: Bool
    /// Whether existing data is migrated without a backup.
    public var skipsBackup: Bool
    /// The run's id, which names what belongs to it; `nil` for a plan.
    public internal(set) var run: String?

    /// Whether a plan looks beyond a reset that only a run makes: what is in the database now will not be there then.
    public var foreseesReset: Bool { resetsDatabase && run == nil }

    /// Nothing out of the ordinary, unless said.
    public init(resetsDatabase: Bool = false, skipsBackup: Bool = false) {
        self.resetsDatabase = resetsDatabase
        self.skipsBackup = skipsBackup
    }

    /// What a run's header says.
    public init(recorded: [String]) {
        self.init(
            resetsDatabase: recorded.contains(Self.resetDatabase), skipsBackup: recorded.contains(Self.noBackup))
    }

    /// What a run's header shall say: the options that were given.
    public var record: [String] {
        (resetsDatabase ? [Self.resetDatabase] : []) + (skipsBackup ? [Self.noBackup] : [])
    }

    /// The same wishes of the run `id`.
    public func of(run id: String) -> RunWishes {
        var wishes = self
        wishes.run = id
        return wishes
    }

    private static let resetDatabase = "reset-database"
    private static let noBackup = "no-backup"
}

/// A step that a run has only when its operator asks for it, and that is done at most once in a run.
///
/// Its checkpoint is final: `resume` does not look at it again.
public protocol StepOnRequest: Step {
    /// Whether `wishes` ask for it.
    func isRequested(by wishes: RunWishes) -> Bool
}

extension Module {
    /// The steps of a run with `wishes`, in their order.
    public func steps(for wishes: RunWishes) -> [any Step] {
        steps.filter { ($0 as? any StepOnRequest)?.isRequested(by: wishes) ?? true }
    }
}
