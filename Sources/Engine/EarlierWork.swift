import ClientKit
import Journal
import StepKit

/// What the earlier processes of a resumed run did, by its log, which is whole.
struct EarlierWork: Sendable {
    /// What they noted for the run's end.
    private(set) var notes: [String] = []
    /// The steps in which they may have changed something, since a check found that missing.
    private(set) var begun: Set<StepID> = []
    /// The last program before this one that went on with the run; `nil` where none did.
    private(set) var lastProgram: RunHeader.Program?
    /// Whether they told who had the module's lease last; an earlier version did not.
    private(set) var hasLooked = false
    /// Who had it last when the first of them began, or got it.
    private(set) var baseline: LeaseTurn?
    /// The last turn of another run since, that a later one of them went on after.
    private(set) var successor: LeaseTurn?
    /// Whether one of them had the lease.
    private(set) var hadLease = false
    /// Whether one of them that knew of it found it deleted, with whatever it could have told.
    private(set) var hasLostSight = false
    private let run: RunID
    /// Whether one had the lease before the process that is read of: what that took itself says nothing of who was before it.
    private var hadLeaseBefore = false

    /// Reads the log of `run`.
    init(_ entries: [AuditEntry], of run: RunID) {
        self.run = run
        var programs: [RunHeader.Program] = []
        var isResumed = false
        for entry in entries {
            switch entry.content {
            case .stepCheck(let finding) where finding.result == .drifted:
                if let step = entry.step { begun.insert(StepID(step)) }
            case .runResume(let opening):
                isResumed = true
                hadLeaseBefore = hadLease
                if let program = opening.runner { programs.append(program) }
            case .lockTaken, .lockTakeover: hadLease = true
            case .lockObserved(let sighting):
                if isResumed, let turn = sighting.turn, isSince(turn) {
                    successor = turn
                } else if !isResumed || !hasLooked {
                    baseline = sighting.turn
                }
                hasLooked = true
                if sighting.isGone == true { hasLostSight = true }
            default: break
            }
        }
        hadLeaseBefore = hadLease
        notes = entries.filter { $0.kind == .note }.compactMap(\.text)
        lastProgram = programs.dropLast().last
    }

    /// Whether there was a lease, as far as they know.
    var knowsLease: Bool { hadLease || baseline != nil || successor != nil }

    /// Whether another run had `turn` after the run was cut off; what was cut off before it looked can only go by the ids.
    func isSince(_ turn: LeaseTurn) -> Bool {
        hasLooked ? turn != baseline : hadLeaseBefore || RunID(turn.run).map { $0 > run } == true
    }
}

extension Execution {
    /// Looks whether another run has had the module since this one was cut off, on whatever machine.
    ///
    /// What this one was asked for must not undo its work. `turn`, the last one of another run, is recorded where it is news
    /// and over: what a run that holds the lease still does comes after this look. A step on request, as the reset of a
    /// database, is refused while it is not finished, and existing data is backed up also where this run was to leave that
    /// out. The lease has another number each time; only where this run never saw one do the ids decide. A lease that was
    /// deleted after this run had or saw it can tell nothing: any run may have had it.
    func requireNoLossOfWork(since turn: LeaseTurn?, isHeld: Bool = false, isThere: Bool = true) async throws {
        let turn = turn.flatMap { RunID($0.run) == nil ? nil : $0 }
        let isGone = !isThere && earlier?.knowsLease == true
        if let earlier { try await requireNoLossOfWork(since: turn, isGone: isGone, earlier) }
        if isHeld { return }
        let sighting = LeaseSighting(turn, isGone: isGone)
        let isNews = lastSighting.withLock { last in
            defer { last = sighting }
            return last != sighting
        }
        if isNews { try await journal.record(.lockObserved(sighting)) }
    }

    private func requireNoLossOfWork(since turn: LeaseTurn?, isGone: Bool, _ earlier: EarlierWork) async throws {
        let pending = steps.first { $0 is any StepOnRequest && !finished.contains($0.id) }
        let successor = turn.flatMap { earlier.isSince($0) ? $0 : nil } ?? earlier.successor
        let words: String
        if let successor {
            words = "run \(successor.run) has had the module since"
        } else if let turn, !earlier.hasLooked, pending != nil {
            // Cut off before it had the lease, this run has nothing that a person would miss who gives it anew.
            words = "run \(turn.run) may have had the module since"
        } else if isGone || earlier.hasLostSight {
            words = "another run, which the deleted Lease would have named, may have had the module since"
        } else {
            return
        }
        if let pending { throw runner.refusal(toResume: journal.id, before: pending.id, because: words) }
        let isFirst = hasSuccessor.withLock { hasSuccessor in
            defer { hasSuccessor = true }
            return !hasSuccessor
        }
        if options.skipsBackup, isFirst {
            try await warn("\(words): data is backed up before its migration, although --no-backup was given")
        }
        if let successor, successor == turn, otherRuns.isNew(successor.run), try await !isKnown(successor.run) {
            try await warn("run \(successor.run), which is not in \(journal.state.path), has had the module since")
        }
    }

    /// What the preflight and the comparison with a plan are told, before the first step, and then each step.
    func runOptions(isResumed: Bool? = nil, hasBegun: Bool = false) -> RunOptions {
        var options = options
        options.skipsBackup = options.skipsBackup && !hasSuccessor.withLock { $0 }
        return options.of(
            run: journal.id.description, isResumed: isResumed ?? self.isResumed, hasBegun: hasBegun)
    }

    private func isKnown(_ run: String) async throws -> Bool {
        guard let run = RunID(run) else { return false }
        return try await runBlocking { [state = journal.state] in try state.run(run) != nil }
    }
}
