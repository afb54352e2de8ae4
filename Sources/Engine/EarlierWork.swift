import ClientKit
import Journal
import StepKit

/// What the earlier processes of a resumed run did, by its log, which is whole.
struct EarlierWork: Sendable {
    /// What they noted for the run's end.
    var notes: [String] = []
    /// The steps in which they may have changed something, since a check found that missing.
    var begun: Set<StepID> = []
    /// The last program before this one that went on with the run; `nil` where none did.
    var lastProgram: RunHeader.Program?
    /// How often they took the module's lease.
    private(set) var leases = 0
    /// The runs that had the lease between two of these times, as it told then.
    private(set) var runsBetween: Set<RunID> = []

    init(_ entries: [AuditEntry]) {
        var programs: [RunHeader.Program] = []
        for entry in entries {
            switch entry.content {
            case .stepCheck(let finding) where finding.result == .drifted:
                if let step = entry.step { begun.insert(StepID(step)) }
            case .runResume(let opening): if let program = opening.runner { programs.append(program) }
            case .lockTaken, .lockTakeover: leases += 1
            case .headWitnessed(let witnessed) where leases > 1:
                let told = witnessed.witnesses.filter { $0.witness == "the Lease" }.compactMap(\.run)
                runsBetween.formUnion(told.compactMap { RunID($0) })
            default: break
            }
        }
        notes = entries.filter { $0.kind == .note }.compactMap(\.text)
        lastProgram = programs.dropLast().last
    }
}

extension Execution {
    /// Looks whether a run that this state directory does not have, as one on another machine, has had the module since this
    /// one was cut off: refuses what would undo its work, and tells of the rest.
    ///
    /// Before the lease is taken, `run` is who had it last; after it, the log of this run tells that too.
    func requireNoUnseenRun(since run: String?) async throws {
        guard let earlier else { return }
        var runs = earlier.runsBetween
        // Where this run never had the lease, another one may have had it before.
        if let run = run.flatMap({ RunID($0) }), earlier.leases > 0 || run > journal.id { runs.insert(run) }
        for run in runs.subtracting([journal.id]).sorted() where try await !isKnown(run) {
            let since = "run \(run), which is not in \(journal.state.path), has had the module since"
            let onRequest = steps.first { $0 is any StepOnRequest && !finished.contains($0.id) }
            var cause: String?
            if let onRequest {
                cause = "it has not finished \(onRequest.id), and \(since): what that run put there would be lost"
            } else if options.skipsBackup {
                cause = "it was started with --no-backup, and \(since): there may be data now that no backup has"
            }
            if let cause {
                throw StepFailure(
                    "resume \(journal.id)", cause: cause,
                    remedy: "start a new run with `runner run \(runner.moduleName) --new`, and give it again what only "
                        + "this run was asked for, if it is still wanted",
                    kind: .badInput)
            }
            guard unseenRuns.isNew(run) else { continue }
            try await warn("\(since); finished steps are checked again, and this inventory counts")
        }
    }

    private func isKnown(_ run: RunID) async throws -> Bool {
        try await runBlocking { [state = journal.state] in try state.run(run) != nil }
    }
}
