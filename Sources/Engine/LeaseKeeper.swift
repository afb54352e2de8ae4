import ClientKit
import Journal
import StepKit

/// Takes the module's lease for a run, renews it while the run works, and releases it.
struct LeaseKeeper: Sendable {
    let module: Int
    let site: any OpenSite
    let journal: RunJournal
    let term: LeaseTerm
    let firstStep: StepID?
    let progress: RunProgress
    let witnesses: Witnesses
    let events: @Sendable (EngineEvent) -> Void
    /// Whether the API server may have made the lease ours.
    private let mayBeOurs = Locked(false)

    /// Takes the lease; throws an error of kind `busy` that names who holds it.
    func take() async throws -> LeaseTaking {
        try failpoint("lease.take")
        let asked = term.clock.now()
        mayBeOurs.withLock { $0 = true }
        let lease: LeaseTaking
        do {
            lease = try await ChangeGate.$isWritingLease.withValue(true) {
                try await site.takeLease(run: journal.id.description, step: firstStep?.rawValue)
            }
        } catch let error as any ExplainedError where error.kind == .busy {
            mayBeOurs.withLock { $0 = false }
            throw error
        }
        try failpoint("lease.taken")
        try term.begin(asked: asked, of: lease)
        return lease
    }

    /// Releases the lease where it may have been taken although nobody was told, as where the answer was lost or the run
    /// interrupted meanwhile: nobody on another machine could take it before it expires.
    ///
    /// Takes ``longestRelease`` at most: a lease that is left expires.
    func releaseUntold() async {
        guard mayBeOurs.withLock({ $0 }) else { return }
        let release = Task {
            try await ChangeGate.$isWritingLease.withValue(true) {
                try await site.releaseLease(takenFor: journal.id.description)
            }
        }
        let isOverdue = Locked(false)
        let limit = Task {
            try await term.clock.sleep(Self.longestRelease)
            isOverdue.withLock { $0 = true }
            release.cancel()
        }
        let result = await release.result
        limit.cancel()
        guard case .failure(let error) = result else { return }
        let cause =
            isOverdue.withLock { $0 }
            ? "no answer within \(Self.longestRelease.inWords)" : (error as? any ExplainedError)?.cause ?? "\(error)"
        events(
            .warning(
                "it is not known whether the lease was taken, and it could not be released; it will expire: \(cause)"))
    }

    /// No limit of the inventory, as the lease's term is none.
    private static let longestRelease = Duration.seconds(10)

    /// Does `work` while `lease` is renewed beside it, and then releases it; ends `work` when the lease
    /// is lost.
    func withLeaseRenewal(
        of lease: LeaseTaking, _ work: @escaping @Sendable () async throws -> Void
    ) async throws {
        try await withCleanup(release) {
            try await renewing(lease, during: work)
        }
    }

    private enum Ended {
        case work(Result<Void, any Error>)
        case renewal(loss: (any Error)?)
    }

    /// The term ran out while no renewal was answered.
    private struct TermOver: Error {}

    private func renewing(
        _ lease: LeaseTaking, during work: @escaping @Sendable () async throws -> Void
    ) async throws {
        // A signal ends the work and not this: what the work does to clean up needs the lease too.
        let renewal = Task {
            let loss = await renewUntilCancelled(every: lease.duration / 4, lease)
            if let loss { term.lose(because: loss) }
            return loss
        }
        let (result, loss) = await withTaskGroup(of: Ended.self) { group in
            group.addTask {
                do { return .work(.success(try await work())) } catch { return .work(.failure(error)) }
            }
            group.addTask { .renewal(loss: await renewal.value) }
            var result = Result<Void, any Error>.success(())
            var loss: (any Error)?
            for await ended in group {
                // Whichever ends first ends the other.
                switch ended {
                case .work(let ended):
                    result = ended
                    renewal.cancel()
                case .renewal(let lost):
                    loss = lost
                    if lost != nil, !Task.isCancelled { term.endRun() }
                    group.cancelAll()
                }
            }
            return (result, loss)
        }
        // Whatever a step made of the refusal, this is what ended it; a signal while the rest is tidied up is not.
        if term.hasRefused {
            if !Task.isCancelled { term.endRun() }
            throw term.loss
        }
        // What failed before the lease was lost is why the run ends.
        try result.get()
        if let loss { throw loss }
    }

    /// Renews three times in each term; `nil` when cancelled, otherwise why the lease is lost.
    private func renewUntilCancelled(every interval: Duration, _ lease: LeaseTaking) async -> (any Error)? {
        var trouble: (any ExplainedError)?
        while !Task.isCancelled {
            do {
                // With trouble, the end of the term may come before the next attempt.
                try await term.clock.sleep(min(interval, max(.zero, term.clock.now().duration(to: term.end))))
                // Without trouble nobody has tried meanwhile: this process or its machine was stopped.
                if term.isOver { return trouble.map(lost) ?? term.expiry }
                let asked = term.clock.now()
                try await renew()
                try term.begin(asked: asked, of: lease)
                trouble = nil
            } catch  where Task.isCancelled {
                return nil
            } catch is TermOver {
                return trouble.map(lost) ?? unanswered
            } catch let error as any ExplainedError where error.kind != .busy {
                if term.isOver { return lost(after: error) }
                trouble = error
                term.note(lost(after: error))
                // The step notices a lost master too; until the term is over no other run gets the Lease.
                events(.warning("the lease could not be renewed, trying again: \(error.cause)"))
            } catch {
                return error
            }
        }
        return nil
    }

    /// Renews once; a renewal that hangs must not hide that the term is over.
    private func renew() async throws {
        let left = term.clock.now().duration(to: term.end)
        try await ChangeGate.$isWritingLease.withValue(true) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    // The journal records it before the changes that wait for a slow disk. A child task
                    // would run with the priority of its parent.
                    let renewal = Task(priority: .high) {
                        try await site.renewLease(
                            step: progress.current?.rawValue, auditHead: journal.head.description)
                    }
                    try await withTaskCancellationHandler {
                        try await renewal.value
                    } onCancel: {
                        renewal.cancel()
                    }
                }
                group.addTask {
                    try await term.clock.sleep(left)
                    throw TermOver()
                }
                defer { group.cancelAll() }
                _ = try await group.next()
            }
        }
    }

    /// A lease that expired before a renewal was answered, or recorded.
    private var unanswered: StepFailure {
        var (cause, remedy) = ("no answer before it expired", Self.checkControlPlane)
        if journal.longestSync > Self.slowSync {
            cause +=
                "; the disk of \(journal.state.path) took up to \(journal.longestSync.inWords) to make a record "
                + "durable, and each change needs several"
            remedy = "check that disk, and that the API server and etcd respond, then `runner resume`"
        }
        return StepFailure(
            "renew the lease of module \(module)", cause: cause, remedy: remedy, kind: .unreachable)
    }

    /// How long no disk that works takes.
    private static let slowSync = Duration.seconds(1)

    private static let checkControlPlane = "check that the API server and etcd respond, then `runner resume`"

    /// A lease that expired because no renewal succeeded; `trouble` is what the last attempt met.
    private func lost(after trouble: any ExplainedError) -> any Error {
        StepFailure(
            "renew the lease of module \(module)",
            cause: "it expired before a renewal succeeded; the last attempt: \(trouble.cause)",
            remedy: trouble.kind == .unreachable ? Self.checkControlPlane : trouble.remedy,
            // It is not a step's command whose outcome is unknown, which would be looked for.
            kind: trouble.kind == .unknownOutcome ? .unreachable : trouble.kind)
    }

    /// Records the taking, and what the lease knew of the run before.
    func record(_ lease: LeaseTaking) async throws {
        try failpoint("lease.record")
        if let previous = lease.takenOverFrom {
            events(.warning("the lease was taken over from \(previous)"))
            try await journal.record(
                .lockTakeover(LeaseHolder("taken over from \(previous)", holder: previous)), durable: true)
        } else {
            try await journal.record(.lockTaken)
        }
        if let run = lease.runBefore { try await witnesses.recordKnown(run: run, head: lease.headBefore) }
    }

    private func release() async {
        do {
            try failpoint("lease.release")
            try await ChangeGate.$isWritingLease.withValue(true) {
                try await site.releaseLease(auditHead: journal.head.description)
            }
        } catch let error as any ExplainedError where error.kind == .busy {
            // Another run may have it: there is nothing to release, and nothing to record.
            return events(.warning("the lease was not released: \(error.cause)"))
        } catch {
            return events(.warning("the lease could not be released; it will expire: \(error)"))
        }
        do {
            try failpoint("lease.released")
            try await journal.record(.lockReleased)
            try failpoint("lease.release-recorded")
        } catch {
            events(.warning("the lease was released, and that could not be recorded: \(error)"))
        }
    }
}
