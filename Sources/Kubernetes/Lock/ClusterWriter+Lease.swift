public import ClientKit
import Foundation

extension ClusterWriter {
    /// Acquires the lease of `module`; where somebody else holds it, the error has kind
    /// ``ClientKit/FailureKind/busy``.
    ///
    /// An expired lease is taken over, and so is one whose process ran on this machine and is gone,
    /// or that this very `process` holds for `runID`. A run id alone does not show that its run is
    /// over, since a copy of the state directory has it too. ``HeldLease/takenOverFrom`` then names
    /// the previous holder. Expiry is judged by the API server's clock alone. Passing `observed`
    /// saves a read; where the lease was held then, or changed since, ``HeldLease/isUndisturbed`` is
    /// false.
    public func acquireLease(
        ofModule module: String, holder: String, runID: String, step: String? = nil,
        duration: Duration = .seconds(60), process: ProcessIdentity? = .current(), observed: LeaseObservation? = nil
    ) async throws(KubernetesError) -> HeldLease {
        let request = LeaseRequest(
            module: module, holder: holder, runID: runID, step: step, duration: duration, process: process)
        guard let observed else {
            return try await acquire(request, from: try await reader.lease(ofModule: module))
        }
        do {
            var held = try await acquire(request, from: observed.record)
            held.isUndisturbed = observed.isUnheld
            return held
        } catch {
            // The observation is out of date: the current state decides.
            guard error.kind == .busy else { throw error }
            var held = try await acquire(request, from: try await reader.lease(ofModule: module))
            held.isUndisturbed = false
            return held
        }
    }

    private func acquire(
        _ request: LeaseRequest, from present: LeaseRecord?
    ) async throws(KubernetesError) -> HeldLease {
        // Never our own clock: were it an hour ahead, a run that is killed before it could correct what
        // it wrote would keep the module from other machines for an hour.
        let clock = try await serverClock()
        if let present, !request.mayTakeOver(present), !present.isFree(at: clock.now) {
            throw heldError(present, ofModule: request.module, at: clock.now)
        }
        let desired = Lease(
            module: request.module, holder: request.holder, runID: request.runID,
            process: request.process, step: request.step,
            auditHead: present?.runID == request.runID ? present?.auditHead : nil,
            number: Lease.number(after: present, at: clock.now), before: present?.lastTurn(besides: request.runID),
            duration: Int(max(1, request.duration.components.seconds)), acquiredAt: clock.now,
            renewedAt: clock.now, transitions: present.map { $0.transitions + 1 } ?? 0)
        let answer = try await write(
            desired, replacing: present, ofModule: request.module, at: clock.now)
        return HeldLease(
            module: request.module, record: try record(answer, ofModule: request.module),
            takenOverFrom: present.flatMap { request.isOwn($0) || $0.holder == nil ? nil : $0 },
            before: present, clock: clock)
    }

    /// Creates the lease, or replaces it unless it changed; where another run was faster, the error
    /// names the holder.
    private func write(
        _ desired: Lease, replacing present: LeaseRecord?, ofModule module: String, at time: Date
    ) async throws(KubernetesError) -> JSONValue {
        do {
            if let present {
                return try await replace(
                    desired, resourceVersion: present.resourceVersion, uid: present.uid)
            }
            return try await create(desired)
        } catch {
            guard error.serverReason == .conflict || error.serverReason == .alreadyExists else {
                throw error
            }
            guard let winner = try await reader.lease(ofModule: module) else {
                throw lostError(
                    "it was deleted while it was being acquired", record: nil, ofModule: module)
            }
            throw heldError(winner, ofModule: module, at: time)
        }
    }

    /// Renews a lease, and records the step and the head of the audit log in it where they are
    /// given.
    ///
    /// The API server is asked for its time again: it may have been set, and this machine may have
    /// stood still, as one that is paused by what runs it, and its clock with it. Where somebody
    /// else has taken the lease, the error's code is
    /// ``KubernetesError/Code/leaseLost(_:)``.
    public func renew(
        _ lease: HeldLease, step: String? = nil, auditHead: String? = nil
    ) async throws(KubernetesError) -> HeldLease {
        let clock = try await serverClock()
        return try await update(lease) { present in
            Lease(
                module: lease.module, renewing: present, holder: present.holder,
                at: clock.latest, step: step ?? present.step, auditHead: auditHead)
        }
    }

    private func serverClock() async throws(KubernetesError) -> ServerClock {
        let asked = ContinuousClock.now
        return ServerClock(read: try await reader.serverTime(), asked: asked, answered: .now)
    }

    /// Releases a lease; the object stays, with the run's id and the head of its audit log.
    ///
    /// It may be released already, by a request whose answer was lost or on behalf of the run.
    public func release(
        _ lease: HeldLease, auditHead: String? = nil
    ) async throws(KubernetesError) {
        _ = try await update(lease, mayBeReleased: true) { present in
            Lease(
                module: lease.module, renewing: present, holder: nil, at: lease.clock.now,
                auditHead: auditHead)
        }
    }

    /// Releases the lease of `module` if this very `process` has it for `runID`, as where the answer to a
    /// request for it was lost; returns whether it had.
    @discardableResult
    public func releaseLease(
        ofModule module: String, holder: String, runID: String, process: ProcessIdentity? = .current()
    ) async throws(KubernetesError) -> Bool {
        let own = LeaseRequest(
            module: module, holder: holder, runID: runID, step: nil, duration: .zero, process: process)
        guard let present = try await reader.lease(ofModule: module), own.isOwn(present) else { return false }
        try await breakLease(present, ofModule: module)
        return true
    }

    /// Releases the lease of `module` on behalf of the run that `record` names.
    ///
    /// The caller has made sure that the run is over. Where the lease changed since `record` was
    /// read, the error's reason is `conflict`.
    public func breakLease(
        _ record: LeaseRecord, ofModule module: String
    ) async throws(KubernetesError) {
        let released = Lease(
            module: module, holder: nil, runID: record.runID, process: record.process, auditHead: record.auditHead,
            number: record.number, before: record.before, duration: max(1, record.duration),
            acquiredAt: record.acquiredAt, renewedAt: record.renewedAt, transitions: record.transitions)
        try await replace(released, resourceVersion: record.resourceVersion, uid: record.uid)
    }

    /// Compare-and-swap; where the object changed but is still ours, a second try from its new
    /// state.
    private func update(
        _ lease: HeldLease, mayBeReleased: Bool = false, to desired: (LeaseRecord) -> Lease
    ) async throws(KubernetesError) -> HeldLease {
        var present = lease.record
        for isLastTry in [false, true] {
            do {
                let answer = try await replace(
                    desired(present), resourceVersion: present.resourceVersion, uid: present.uid)
                return HeldLease(
                    module: lease.module, record: try record(answer, ofModule: lease.module),
                    takenOverFrom: lease.takenOverFrom, before: lease.before, clock: lease.clock)
            } catch {
                guard error.serverReason == .conflict || error.serverReason == .notFound else {
                    throw error
                }
                guard let now = try await reader.lease(ofModule: lease.module) else {
                    throw lostError("it was deleted", record: nil, ofModule: lease.module)
                }
                let isHeld = now.holder == lease.record.holder || (mayBeReleased && now.holder == nil)
                guard isHeld, now.runID == lease.record.runID, now.process == lease.record.process, !isLastTry
                else {
                    let holder = now.holder.map {
                        "\($0) holds it now, for run \(now.runID ?? "unknown")"
                    }
                    throw lostError(
                        holder ?? "it was released", record: now, ofModule: lease.module)
                }
                present = now
            }
        }
        throw lostError(
            "it changes faster than it can be renewed", record: nil, ofModule: lease.module)
    }

    private func record(
        _ object: JSONValue, ofModule module: String
    ) throws(KubernetesError) -> LeaseRecord {
        guard let record = LeaseRecord(object) else {
            throw reader.kubectl.unreadable(
                "the Lease in the answer has no resourceVersion",
                for: "take the lease of module \(module)")
        }
        return record
    }

    private func heldError(
        _ record: LeaseRecord, ofModule module: String, at time: Date
    ) -> KubernetesError {
        let since = record.acquiredAt.map { " since \(Timestamp.text($0))" } ?? ""
        let left =
            record.expiresAt.map { max(0, Int($0.timeIntervalSince(time).rounded(.up))) } ?? 0
        // Recorded with each renewal; the run may have come further since.
        let age = record.renewedAt.map { Int(time.timeIntervalSince($0)) } ?? 0
        let step = record.step.map { ", at step \($0)" + (age > 0 ? " \(age) s ago" : "") } ?? ""
        return KubernetesError(
            .leaseHeld(record), attempt: "take the lease of module \(module)",
            host: reader.hostName,
            cause: "held by \(record.holder ?? "somebody")\(since) "
                + "with run \(record.runID ?? "unknown")\(step); it expires in \(left) s unless renewed",
            remedy:
                "wait until that run ends, which `run` and `resume` do with --lock-wait 15m; if its process is gone, "
                + "wait \(left) s or use `runner unlock \(record.runID ?? "RUN")`",
            kind: .busy)
    }

    private func lostError(
        _ reason: String, record: LeaseRecord?, ofModule module: String
    ) -> KubernetesError {
        KubernetesError(
            .leaseLost(record), attempt: "keep the lease of module \(module)",
            host: reader.hostName,
            cause: "the lease keybuzz-runner-\(module) is no longer ours: \(reason)",
            remedy: "check what the other run did, then use `runner resume`", kind: .busy)
    }
}

/// Describes the run that requests a lease.
private struct LeaseRequest {
    let module: String
    let holder: String
    let runID: String
    /// The step that the run begins with.
    let step: String?
    let duration: Duration
    let process: ProcessIdentity?

    /// Whether the lease belongs to this process, or to one that is gone.
    func mayTakeOver(_ present: LeaseRecord) -> Bool {
        isOwn(present) || present.process?.isGone == true
    }

    /// Whether this very process has it for this run, as where the answer to an earlier request was
    /// lost.
    func isOwn(_ present: LeaseRecord) -> Bool {
        process != nil && present.process == process && present.runID == runID && present.holder == holder
    }
}
