import ClientKit
import Journal
import StepKit
import Synchronization

/// One process's share of a run, from the first record to the outcome.
struct Execution: Sendable {
    let runner: ModuleRunner
    let journal: RunJournal
    let steps: [any Step]
    let options: RunOptions
    /// The steps whose checkpoints an earlier process left.
    let finished: Set<StepID>
    let endedRuns: Set<String>
    let isResumed: Bool
    /// Where the run carries out a plan: holds it to that.
    let planGuard: PlanGuard?
    /// Records what steps warn of.
    let warnings = InOrder()
    /// What steps want told at the end.
    let notes: Notes
    /// What was warned of already.
    let warned = Once<Reporter.Warning.Subject>()

    private struct Progress {
        var inPlace = 0
        var applied = 0
        var current: StepID?
        var isLeased = false
        var hasBegun = false
    }

    func run() async -> RunSummary {
        let began = ContinuousClock.now
        runner.events(.runBegan(runID: journal.id.description, module: runner.module.number, resumed: isResumed))
        var progress = Progress()
        var failure: RunFailure?
        do {
            try await drive(&progress)
        } catch {
            failure = RunFailure(error, isCancelled: Task.isCancelled)
        }
        failure = await finish(progress, failure)?.redacted(by: runner.redactor)
        let summary = RunSummary(
            runID: journal.id.description, inPlace: progress.inPlace, applied: progress.applied, failure: failure,
            notes: notes.all.map(runner.redactor.redact), duration: began.duration(to: .now))
        runner.events(.runEnded(summary))
        return summary
    }

    /// Writes the outcome; where that fails on top of everything, says so too.
    private func finish(_ progress: Progress, _ failure: RunFailure?) async -> RunFailure? {
        let result: RunResult =
            switch failure {
            case nil: .succeeded
            case .interrupted: .interrupted
            case .some: progress.hasBegun ? .failed : .refused
            }
        await warnings.allDone()
        do {
            try await journal.finish(
                result, exitCode: failure?.exitStatus(interrupted: runner.interruptionStatus()) ?? 0,
                error: failure?.message, step: progress.current?.rawValue,
                counts: ["in place": progress.inPlace, "applied": progress.applied])
            return failure
        } catch {
            guard let failure else { return .failed(error) }
            runner.events(.warning("the outcome could not be recorded: \(error)"))
            return failure
        }
    }

    private func drive(_ progress: inout Progress) async throws {
        let began = ContinuousClock.now
        runner.events(.preflightBegan)
        let open = try await runner.provider.open(observer: journal)
        do {
            let lease = try await ready(open, began)
            progress.isLeased = true
            try await keeping(lease, open) { progress in
                try await requireUnmoved(open)
                progress.hasBegun = true
                for (index, step) in steps.enumerated() {
                    progress.current = step.id
                    try await perform(step, index, open, &progress)
                    progress.current = nil
                }
            } progress: {
                progress = $0
            }
        } catch {
            await close(open, isLeased: progress.isLeased)
            throw error
        }
        await close(open, isLeased: progress.isLeased)
    }

    /// Renews the lease beside `work`, and ends `work` when it is lost.
    private func keeping(
        _ lease: LeaseTaking, _ open: any OpenSite,
        _ work: @escaping @Sendable (inout Progress) async throws -> Void,
        progress report: (Progress) -> Void
    ) async throws {
        let leased = Progress(isLeased: true)
        let result = await withTaskGroup(of: (Progress, Result<Void, any Error>)?.self) { group in
            group.addTask {
                var progress = leased
                do {
                    try await work(&progress)
                    return (progress, .success(()))
                } catch {
                    return (progress, .failure(error))
                }
            }
            group.addTask { await renew(lease, open).map { (leased, .failure($0)) } }
            var outcome: (Progress, Result<Void, any Error>)?
            var loss: (any Error)?
            while let ended = await group.next() {
                group.cancelAll()
                guard let (progress, result) = ended else { continue }
                if case .failure(let error as LeaseLoss) = result {
                    loss = error.cause
                } else {
                    outcome = (progress, result)
                }
            }
            return (outcome, loss)
        }
        if let (progress, outcome) = result.0 {
            report(progress)
            if let loss = result.1 { throw loss }
            try outcome.get()
        } else if let loss = result.1 {
            throw loss
        }
    }

    private struct LeaseLoss: Error {
        let cause: any Error
    }

    /// Renews three times in each term; `nil` when cancelled, the loss when the lease is not ours any more.
    private func renew(_ lease: LeaseTaking, _ open: any OpenSite) async -> LeaseLoss? {
        var expiry = ContinuousClock.now + lease.duration
        var trouble: (any Error)?
        while !Task.isCancelled {
            do {
                try await Task.sleep(for: lease.duration / 4)
                let asked = ContinuousClock.now
                try await renew(open, before: expiry, after: trouble)
                expiry = asked + lease.duration
                trouble = nil
            } catch let error as any ExplainedError
                where error.kind != .busy && ContinuousClock.now < expiry && !Task.isCancelled
            {
                trouble = error
                // A master that is gone is noticed by the step too; until the term is over nobody else can hold the lease.
                runner.events(.warning("the lease could not be renewed, it will be tried again: \(error.cause)"))
            } catch {
                return Task.isCancelled ? nil : LeaseLoss(cause: error)
            }
        }
        return nil
    }

    /// Renews once; a renewal that hangs must not hide that the term is over, with the trouble it had as the cause.
    private func renew(
        _ open: any OpenSite, before expiry: ContinuousClock.Instant, after trouble: (any Error)?
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await open.renewLease(auditHead: journal.head.description) }
            group.addTask {
                try await Task.sleep(until: expiry, clock: .continuous)
                throw trouble
                    ?? StepFailure(
                        "renew the lease of module \(runner.module.number)",
                        cause: "no answer came before its term was over",
                        remedy: "see that the API server answers, then `runner resume`", kind: .unreachable)
            }
            defer { group.cancelAll() }
            _ = try await group.next()
        }
    }

    /// Preflight and lease; where a master is lost meanwhile, again through the next one.
    private func ready(_ open: any OpenSite, _ began: ContinuousClock.Instant) async throws -> LeaseTaking {
        while true {
            do {
                try await preflight(open)
                runner.events(.preflightPassed(began.duration(to: .now)))
                return try await takeLease(open)
            } catch let error as any ExplainedError {
                guard !Task.isCancelled, let words = try await open.failOver(after: error) else { throw error }
                runner.events(.warning(words))
                try await journal.record(.warning, text: words)
            }
        }
    }

    private func preflight(_ open: any OpenSite) async throws {
        let reader = try await site(open, nil).reader
        for node in reader.absentNodes {
            // The preflight's own record names them.
            if warned.isNew(.absentNode(node.name)) {
                runner.events(.warning("\(node.name) does not answer: \(node.failure.cause)"))
            }
        }
        try await open.observeLease()
        let problems = try await runner.module.lookAround(reader)
        try Task.checkCancellation()
        guard problems.isEmpty else {
            throw CombinedFailure(
                "look whether everything that module \(runner.module.number) needs is there", problems)
        }
        try await journal.record(
            .preflight, result: "passed",
            details: reader.absentNodes.isEmpty
                ? nil : ["absent": reader.absentNodes.map(\.name).joined(separator: " ")])
    }

    private func takeLease(_ open: any OpenSite) async throws -> LeaseTaking {
        let lease = try await open.takeLease(run: journal.id.description, endedRuns: endedRuns)
        if let previous = lease.takenOverFrom {
            runner.events(.warning("the lease was taken over from \(previous)"))
            try await journal.record(.lockTakeover, text: "taken over from \(previous)", durable: true)
        } else {
            try await journal.record(.lockTaken)
        }
        return lease
    }

    /// Gives the lease back and closes, also after a cancellation: a task of its own is not cancelled with this one.
    private func close(_ open: any OpenSite, isLeased: Bool) async {
        await Task {
            if isLeased {
                do {
                    try await journal.record(.lockReleased)
                    try await open.releaseLease(auditHead: journal.head.description)
                } catch {
                    runner.events(.warning("the lease could not be given back, it expires by itself: \(error)"))
                }
            }
            await open.close()
        }.value
    }

    /// Check, and where something is missing apply and verify; then the checkpoint.
    ///
    /// Lost hosts are given up and commands of unknown outcome looked into by beginning the step again from its check, which
    /// decides what is left to do.
    private func perform(
        _ step: any Step, _ index: Int, _ open: any OpenSite, _ progress: inout Progress
    ) async throws {
        let began = ContinuousClock.now
        runner.events(.stepBegan(step.id, index: index + 1, count: steps.count))
        var lookedAgain = 0
        var hasCheckpoint = finished.contains(step.id)
        while true {
            do {
                try Task.checkCancellation()
                let result = try await attempt(step, open, &hasCheckpoint)
                switch result {
                case .inPlace: progress.inPlace += 1
                case .applied: progress.applied += 1
                }
                runner.events(.stepEnded(step.id, result, began.duration(to: .now)))
                return
            } catch let first {
                var error = first
                do {
                    if try await mayBeginAgain(step, after: error, open, &lookedAgain) { continue }
                } catch let worse {
                    error = worse
                }
                if !Task.isCancelled, let explained = error as? any ExplainedError, explained.kind != .noMaster {
                    error = await evidenced(explained, of: step, open)
                }
                let failure = RunFailure(error, isCancelled: Task.isCancelled)
                if !failure.isInterruption {
                    runner.events(.stepFailed(step.id, message: failure.message, began.duration(to: .now)))
                }
                await warnings.allDone()
                do {
                    try await journal.failStep(
                        step.id.rawValue, result: failure.isInterruption ? "interrupted" : "failed",
                        error: failure.message)
                } catch let unrecorded {
                    // The step's own failure is the news; that it could not be recorded is told beside it.
                    runner.events(.warning("the step's failure could not be recorded: \(unrecorded)"))
                }
                throw error
            }
        }
    }

    /// Whether the step can go on from its check: lost hosts were given up, or only looking tells what a command did.
    ///
    /// Throws when no master is left.
    private func mayBeginAgain(
        _ step: any Step, after error: any Error, _ open: any OpenSite, _ lookedAgain: inout Int
    ) async throws -> Bool {
        guard !Task.isCancelled, let explained = error as? any ExplainedError else { return false }
        if let words = try await open.failOver(after: explained) {
            runner.events(.warning("\(words); \(step.id) begins again from its check"))
            try await journal.record(.warning, step: step.id.rawValue, text: words)
            return true
        }
        guard explained.kind == .unknownOutcome, lookedAgain < 3 else { return false }
        lookedAgain += 1
        return true
    }

    private func attempt(
        _ step: any Step, _ open: any OpenSite, _ hasCheckpoint: inout Bool
    ) async throws -> StepResult {
        if hasCheckpoint, step is any StepOnRequest { return .inPlace }
        let site = try await site(open, step.id)
        let name = step.id.rawValue
        try await journal.beginStep(name)
        let finding = try await step.check(site.reader)
        try planGuard?.admit(finding, of: step.id)
        let summaries = finding.changes.map(\.summary)
        try await journal.recordCheck(of: name, inPlace: finding == .inPlace, changes: summaries)
        guard case .drifted(let changes) = finding else {
            await warnings.allDone()
            if !hasCheckpoint { try await journal.finishStep(name, .inPlace) }
            return .inPlace
        }
        if hasCheckpoint {
            try await journal.withdrawCheckpoint(of: name, because: summaries.joined(separator: "; "))
            hasCheckpoint = false
        }
        try Task.checkCancellation()
        let count = "\(changes.count) \(changes.count == 1 ? "change" : "changes")"
        runner.events(.stepProgress(step.id, .init("applying \(count)")))
        await site.reader.forgetLookAhead()
        try await step.apply(changes, to: site)
        runner.events(.stepProgress(step.id, .init("verifying")))
        try await step.verify(site.reader)
        await warnings.allDone()
        try await journal.finishStep(name, .applied, changes: summaries)
        return .applied(changes)
    }

    private func site(_ open: any OpenSite, _ step: StepID?) async throws -> SiteWriter {
        try await site(open, reporter(step))
    }

    /// The platform for this run's steps, what they say going to `reporter`.
    func site(_ open: any OpenSite, _ reporter: Reporter) async throws -> SiteWriter {
        try await open.site(reporter: reporter).with(options: options.of(run: journal.id.description))
    }

    private func reporter(_ step: StepID?) -> Reporter {
        Reporter { progress in
            if let step { runner.events(.stepProgress(step, progress)) }
        } warning: { warning in
            guard warned.isNew(warning.subject) else { return }
            runner.events(.warning(warning.text))
            record(.warning, step, warning.text)
        } note: { text in
            if notes.add(text) { record(.note, step, text) }
        }
    }

    private func record(_ kind: AuditKind, _ step: StepID?, _ text: String) {
        warnings.add {
            do {
                try await journal.record(kind, step: step?.rawValue, text: text)
            } catch {
                runner.events(.warning("the \(kind.rawValue) could not be recorded: \(error)"))
            }
        }
    }
}

/// Texts in the order they came, each once.
final class Notes: Sendable {
    private let texts: Mutex<[String]>

    /// Begins with what an earlier process noted.
    init(_ earlier: [String] = []) {
        texts = Mutex(earlier)
    }

    /// All so far.
    var all: [String] { texts.withLock { $0 } }

    /// Adds `text`; whether it is new.
    func add(_ text: String) -> Bool {
        texts.withLock { texts in
            guard !texts.contains(text) else { return false }
            texts.append(text)
            return true
        }
    }
}

/// Values, each of which is new once.
final class Once<Value: Hashable & Sendable>: Sendable {
    private let seen = Mutex<Set<Value>>([])

    /// Whether `value` comes for the first time.
    func isNew(_ value: Value) -> Bool { seen.withLock { $0.insert(value).inserted } }
}

/// Work that callers hand over without waiting, done one after another.
final class InOrder: Sendable {
    private let last = Mutex<Task<Void, Never>?>(nil)

    /// Does `work` after all that was added before, also when the caller is cancelled.
    func add(_ work: @escaping @Sendable () async -> Void) {
        last.withLock { last in
            let before = last
            last = Task {
                await before?.value
                await work()
            }
        }
    }

    /// Waits until all that was added so far is done.
    func allDone() async { await last.withLock { $0 }?.value }
}
