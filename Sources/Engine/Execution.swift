import ClientKit
import Journal
import StepKit

/// One process's share of a run, from the first record to the outcome.
struct Execution: Sendable {
    let runner: ModuleRunner
    let journal: RunJournal
    let steps: [any Step]
    let options: RunOptions
    /// The steps whose checkpoints an earlier process left.
    let finished: Set<StepID>
    /// What earlier processes of the run did; `nil` where this is the first.
    let earlier: EarlierWork?
    let lockWait: LockWait
    /// Where the run carries out a plan: holds it to that.
    let planGuard: PlanGuard?
    let notes: Notes
    let witnesses: Witnesses
    let term: LeaseTerm
    let progress = RunProgress()
    /// Whether another run has had the module since this one was cut off: data is then backed up, whatever was asked for.
    let hasSuccessor = Locked(false)
    /// The runs of other machines that were told of.
    let otherRuns = Once<String>()
    /// What this process recorded last of who had the lease; `nil` where it has not yet.
    let lastSighting = Locked<LeaseSighting?>(nil)

    var isResumed: Bool { earlier != nil }
    /// The steps in which an earlier process may have changed something.
    private var begun: Set<StepID> { earlier?.begun ?? [] }

    /// Connects, checks, takes the lease, does every step, and writes the outcome.
    func run() async -> RunSummary {
        let began = ContinuousClock.now
        runner.events(
            .runBegan(
                runID: journal.id.description, module: runner.module.number, resumed: isResumed))
        var failure: RunFailure?
        do {
            try await performSteps()
        } catch {
            failure = self.failure(for: error)
        }
        failure = await finish(failure)?.redacted(by: runner.redactor)
        let summary = RunSummary(
            runID: journal.id.description, inPlace: progress.inPlace, applied: progress.applied,
            failure: failure, isResumable: failure != nil && (isResumed || progress.hasBegunSteps),
            notes: notes.all.map(runner.redactor.redact),
            duration: began.duration(to: .now))
        runner.events(.runEnded(summary))
        return summary
    }

    private func performSteps() async throws {
        runner.events(.preflightBegan)
        try failpoint("site.open")
        let began = ContinuousClock.now
        let gate = ChangeGate(journal: journal, term: term, progress: progress, notes: notes)
        try await runner.provider.withSite(observer: gate) { site in
            let keeper = LeaseKeeper(
                module: runner.module.number, site: site, journal: journal, term: term, firstStep: steps.first?.id,
                progress: progress, witnesses: witnesses, events: runner.events)
            let lease = try await preflightAndLock(site, keeper: keeper, began: began)
            try await keeper.withLeaseRenewal(of: lease) {
                do {
                    try await keeper.record(lease)
                    try await requireNoLossOfWork(since: lease.lastTurn)
                    // A command of a run that did not end in order may still be on its way.
                    try await awaitEarlierCommands(site, refusingLater: lease.takenOverFrom != nil || isResumed)
                    try await requireUnmoved(site)
                    try await performSteps(on: site)
                } catch {
                    throw failure(for: error)
                }
            }
        }
    }

    private func performSteps(on site: any OpenSite) async throws {
        progress.beginSteps()
        for (index, step) in steps.enumerated() {
            try Task.checkCancellation()
            let result = try await perform(step, number: index + 1, on: site)
            // The last one covers those after it that had nothing to do.
            let isLast = index == steps.count - 1 && progress.applied > 0
            if result.isApplied || isLast { try await witnesses.keepHead(on: site) }
        }
    }

    /// Preflight and lease; where a master is lost meanwhile, again through the next one.
    private func preflightAndLock(
        _ site: any OpenSite, keeper: LeaseKeeper, began: ContinuousClock.Instant
    ) async throws -> LeaseTaking {
        do {
            return try await site.throughMasters(reporter: notes.reporter()) { writer in
                try failpoint("lease.observe")
                let (turn, isHeld, isThere) = try await site.observeLease(for: journal.id.description)
                try await requireNoLossOfWork(since: turn, isHeld: isHeld, isThere: isThere)
                try await preflight(writer.with(options: runOptions()).reader)
                runner.events(.preflightPassed(began.duration(to: .now)))
                return try await lockWait.retrying(every: .seconds(2)) {
                    try await keeper.take()
                }
            } onFailover: { lost, _ in
                try await warn(lost)
            }
        } catch {
            let failure = failure(for: error)
            // In a task that no signal has cancelled.
            await Task { await keeper.releaseUntold() }.value
            throw failure
        }
    }

    private func preflight(_ site: SiteReader) async throws {
        for node in site.absentNodes where notes.isNew(.absentNode(node.name)) {
            // The preflight's own record names them.
            runner.events(.warning("\(node.name) does not answer: \(node.failure.cause)"))
        }
        let problems = try await runner.module.runPreflight(site)
        try Task.checkCancellation()
        try failpoint("preflight.decide")
        guard problems.isEmpty else { throw CombinedFailure("run the preflight checks", problems) }
        try await journal.record(.preflight(PreflightResult(absent: site.absentNodes.map(\.name))))
    }

    /// What a run that was cut off left running must not change anything beneath this run's checks.
    private func awaitEarlierCommands(_ site: any OpenSite, refusingLater: Bool) async throws {
        try await site.throughMasters(reporter: .silent) { writer in
            try await writer.reader.awaitEarlierCommands()
            if refusingLater { try await writer.reader.refuseEarlierRuns() }
        } onFailover: { lost, _ in
            try await warn(lost)
        }
    }

    /// Where the run carries out a plan: compares what all steps find with it, before the first of them.
    private func requireUnmoved(_ site: any OpenSite) async throws {
        guard let planGuard else { return }
        try await site.throughMasters(reporter: .silent) { writer in
            try await planGuard.requireUnmoved(steps, on: writer.with(options: runOptions()).reader)
        } onFailover: { lost, _ in
            try await warn(lost)
        }
        try failpoint("plan.unmoved")
        try await journal.record(.planComparison)
    }

    /// One step, from its check to its checkpoint or its failure.
    private func perform(_ step: any Step, number: Int, on site: any OpenSite) async throws -> StepResult {
        let began = ContinuousClock.now
        runner.events(.stepBegan(step.id, index: number, count: steps.count))
        progress.begin(step.id)
        do {
            let result = try await attempt(step, on: site)
            progress.finish(with: result)
            runner.events(.stepEnded(step.id, result, began.duration(to: .now)))
            return result
        } catch {
            let failed = await attachingEvidence(to: failure(for: error), of: step, on: site)
            await record(failed, of: step, after: began.duration(to: .now))
            throw failed
        }
    }

    /// Attempts the step until its outcome is known.
    ///
    /// Where hosts are lost, or nobody knows what a command did, the step begins again from its check,
    /// which decides what is left to do.
    private func attempt(_ step: any Step, on site: any OpenSite) async throws -> StepResult {
        var attempt = StepAttempt(
            step: step, journal: journal, notes: notes, planGuard: planGuard, events: runner.events,
            hasCheckpoint: finished.contains(step.id))
        var restarts = 0
        while true {
            do {
                return try await site.throughMasters(reporter: notes.reporter(of: step.id)) { writer in
                    let isOwn = attempt.hasApplied || begun.contains(step.id)
                    let options = runOptions(isResumed: isOwn, hasBegun: true)
                    return try await attempt.perform(on: writer.with(options: options))
                } onFailover: { lost, _ in
                    try await warn("\(lost); starting \(step.id) again from its check", step: step.id)
                }
            } catch let error as any ExplainedError
                where error.kind == .unknownOutcome && restarts < 3 && !Task.isCancelled
            {
                restarts += 1
            }
        }
    }

    private func record(_ failure: RunFailure, of step: any Step, after duration: Duration) async {
        if !failure.isInterruption { runner.events(.stepFailed(step.id, duration)) }
        await notes.allRecorded()
        do {
            try failpoint("step.failing")
            try await journal.failStep(
                step.id.rawValue, result: failure.isInterruption ? .interrupted : .failed,
                error: failure.message)
        } catch {
            // The step's own failure is what matters; that it could not be recorded is reported beside it.
            runner.events(.warning("the step's failure could not be recorded: \(error)"))
        }
    }

    /// Writes the outcome; where that fails on top of everything, says so too.
    private func finish(_ failure: RunFailure?) async -> RunFailure? {
        let result: RunResult =
            switch failure {
            case nil: .succeeded
            case .interrupted: .interrupted
            case .some: progress.hasBegunSteps ? .failed : .refused
            }
        await notes.allRecorded()
        do {
            try await journal.finish(
                result, exitCode: failure?.exitStatus ?? 0,
                error: failure?.message, step: progress.current?.rawValue,
                counts: ["in place": progress.inPlace, "applied": progress.applied])
            await witnesses.keepLastHead()
            return failure
        } catch {
            guard let failure else { return .failed(error) }
            runner.events(.warning("the outcome could not be recorded: \(error)"))
            return failure
        }
    }

    /// Asked as soon as the error is there: a signal that comes while the rest is tidied up is not why the run ends.
    private func failure(for error: any Error) -> RunFailure {
        if let sorted = error as? RunFailure { return sorted }
        func sorted(_ error: any Error, isCancelled: Bool) -> RunFailure {
            RunFailure(error, isCancelled: isCancelled, by: runner.interruption())
        }
        let isCancelled = Task.isCancelled
        if let end = term.endOfRun { return sorted(end, isCancelled: false) }
        let failure = sorted(error, isCancelled: isCancelled)
        // Where this process stood still, a step's own deadline may be over before the keeper notices that the term is.
        guard term.isOver, case .failed(let cause) = failure, [.failed, .unknownOutcome].contains(cause.kind) else {
            return failure
        }
        return sorted(term.loss, isCancelled: false)
    }

    func warn(_ text: String, step: StepID? = nil) async throws {
        runner.events(.warning(text))
        try await journal.record(.warning(text), step: step?.rawValue)
    }
}
