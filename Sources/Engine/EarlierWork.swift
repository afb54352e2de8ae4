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
    /// How often they took the module's lease.
    private(set) var leases = 0
    /// The runs that had the lease since this one began, as it told each time that it was taken again.
    private(set) var runsSince: Set<RunID> = []

    /// Reads the log of `run`.
    init(_ entries: [AuditEntry], of run: RunID) {
        var programs: [RunHeader.Program] = []
        for entry in entries {
            switch entry.content {
            case .stepCheck(let finding) where finding.result == .drifted:
                if let step = entry.step { begun.insert(StepID(step)) }
            case .runResume(let opening): if let program = opening.runner { programs.append(program) }
            case .lockTaken, .lockTakeover: leases += 1
            case .headWitnessed(let witnessed):
                let told = witnessed.witnesses.filter { $0.witness == HeadTestimony.lease }.compactMap(\.run)
                runsSince.formUnion(told.compactMap { RunID($0) }.filter { $0 != run && (leases > 1 || $0 > run) })
            default: break
            }
        }
        notes = entries.filter { $0.kind == .note }.compactMap(\.text)
        lastProgram = programs.dropLast().last
    }
}

extension Execution {
    /// Looks whether another run has had the module since this one was cut off, on whatever machine: what this one was asked
    /// for must not undo its work.
    ///
    /// A step on request, as the reset of a database, is refused while it is not finished, and existing data is backed up also
    /// where this run was to leave that out. `run` is who had the lease last; this run's own log tells who had it before.
    func requireNoLossOfWork(since run: String?) async throws {
        guard let earlier else { return }
        var runs = earlier.runsSince
        let last = run.flatMap { RunID($0) }
        // Where this run never had the lease, another one may have had it before.
        if let last, last != journal.id, earlier.leases > 0 || last > journal.id { runs.insert(last) }
        guard let other = runs.max() else { return }
        let words = "run \(other) has had the module since"
        if let step = steps.first(where: { $0 is any StepOnRequest && !finished.contains($0.id) }) {
            throw runner.refusal(toResume: journal.id, before: step.id, because: words)
        }
        let isFirst = hasSuccessor.withLock { hasSuccessor in
            defer { hasSuccessor = true }
            return !hasSuccessor
        }
        if options.skipsBackup, isFirst {
            try await warn("\(words): data is backed up before its migration, although --no-backup was given")
        }
        if let last, runs.contains(last), otherRuns.isNew(last), try await !isKnown(last) {
            try await warn("run \(last), which is not in \(journal.state.path), has had the module since")
        }
    }

    /// What the preflight and the comparison with a plan are told, before the first step, and then each step.
    func runOptions(isResumed: Bool? = nil, hasBegun: Bool = false) -> RunOptions {
        var options = options
        options.skipsBackup = options.skipsBackup && !hasSuccessor.withLock { $0 }
        return options.of(
            run: journal.id.description, isResumed: isResumed ?? self.isResumed, hasBegun: hasBegun)
    }

    private func isKnown(_ run: RunID) async throws -> Bool {
        try await runBlocking { [state = journal.state] in try state.run(run) != nil }
    }
}
