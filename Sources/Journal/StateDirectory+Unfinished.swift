/// The names of a module's steps.
public struct StepNames: Sendable {
    /// Those that every run has, unless it is limited to some of them.
    public let always: Set<String>
    /// Those that a run has only when its operator asks for them.
    public let onRequest: Set<String>

    /// Names steps; see the properties.
    public init(always: Set<String> = [], onRequest: Set<String> = []) {
        self.always = always
        self.onRequest = onRequest
    }
}

extension StateDirectory {
    /// The run that `resume` goes on with, or nil.
    ///
    /// That is the newest run of the module that has no outcome, or failed, or was interrupted, and
    /// that no later success settles (see ``successes(since:of:)``). Runs that were refused before
    /// their first step are passed over; so are directories without run.json, whose run never began.
    /// An outcome that is damaged does not count as one.
    public func newestUnfinishedRun(
        module: String, steps names: StepNames = StepNames()
    ) throws(JournalError) -> RunReader? {
        var successes = Successes(of: names)
        for run in try runs() where run.id.module == module {
            let header = try run.header()
            if case .missing = header { continue }
            if successes.settle(header.content?.steps) { continue }
            switch try run.outcome().content?.result {
            case nil, .failed, .interrupted: return run
            case .refused: if try run.hasBegunAStep() { return run }
            case .unlocked: continue
            case .succeeded:
                successes.add(run.id, header.content?.steps ?? [])
                // No earlier run needs to be read: there may be thousands.
                if successes.settleAll { return nil }
            }
        }
        return nil
    }

    /// The later runs whose success settles `run`, so that there is nothing in it to go on with;
    /// empty where it is not settled.
    ///
    /// A success of all steps of the module settles every earlier run; one of some steps settles
    /// those that had no others. What was asked for only in the earlier run does not keep it open:
    /// a database that has been in use since is not emptied.
    public func successes(
        since run: RunReader, of names: StepNames
    ) throws(JournalError) -> [RunID] {
        var successes = Successes(of: names)
        for other in try runs() where other.id.module == run.id.module && other.id > run.id {
            guard try other.outcome().content?.result == .succeeded else { continue }
            successes.add(other.id, try other.header().content?.steps ?? [])
        }
        return successes.settle(try run.header().content?.steps) ? successes.runs : []
    }
}

/// What later runs of a module have finished.
private struct Successes {
    private let names: StepNames
    private var steps: Set<String> = []
    private(set) var runs: [RunID] = []

    init(of names: StepNames) { self.names = names }

    mutating func add(_ run: RunID, _ steps: [String]) {
        runs.append(run)
        self.steps.formUnion(steps)
    }

    /// Whether they settle every earlier run.
    var settleAll: Bool { !names.always.isEmpty && names.always.isSubset(of: steps) }

    /// Whether they settle a run of these steps; nil where its steps cannot be read.
    func settle(_ earlier: [String]?) -> Bool {
        if settleAll { return true }
        guard let earlier else { return false }
        // Without those on request also where an older version, which lacked some step, succeeded.
        let ordinary = Set(earlier).subtracting(names.onRequest)
        return ordinary.isEmpty ? steps.isSuperset(of: earlier) : steps.isSuperset(of: ordinary)
    }
}

extension RunReader {
    /// Whether its log tells of a step.
    func hasBegunAStep() throws(JournalError) -> Bool {
        let chain = try records()
        while let record = try chain.next() { if record.kind == .stepStart { return true } }
        return false
    }
}
