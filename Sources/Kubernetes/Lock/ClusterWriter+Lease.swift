import ClientKit
import Foundation

extension ClusterWriter {
    /// Takes the lease of `module`, or says who holds it.
    ///
    /// An expired lease is taken over, and so is one of `runID` itself or of a run in `endedRuns`: runs that the caller
    /// knows to be over, since their process on this machine is gone. ``HeldLease/takenOverFrom`` then tells it. Otherwise
    /// the error has kind ``ClientKit/FailureKind/busy``. Expiry is judged by the API server's clock alone.
    /// What was `observed` before saves a read; where the lease changed since, ``HeldLease/isUndisturbed`` is false.
    public func acquireLease(
        ofModule module: String, holder: String, runID: String, duration: Duration = .seconds(60),
        endedRuns: Set<String> = [], observed: LeaseObservation? = nil
    ) async throws(KubernetesError) -> HeldLease {
        guard let observed else {
            return try await acquire(
                module, holder, runID, duration, endedRuns, from: try await reader.lease(ofModule: module))
        }
        do {
            return try await acquire(module, holder, runID, duration, endedRuns, from: observed.record)
        } catch {
            // What was observed is out of date: the present state decides.
            guard error.kind == .busy else { throw error }
            var held = try await acquire(
                module, holder, runID, duration, endedRuns, from: try await reader.lease(ofModule: module))
            held.isUndisturbed = false
            return held
        }
    }

    private func acquire(
        _ module: String, _ holder: String, _ runID: String, _ duration: Duration, _ endedRuns: Set<String>,
        from present: LeaseRecord?
    ) async throws(KubernetesError) -> HeldLease {
        // Our own clock until a server's time is known: a lease that nobody holds needs none for judging.
        var clock = ServerClock(read: Date(), at: .now)
        if let present, present.holder != nil {
            let isOver = present.runID.map { $0 == runID || endedRuns.contains($0) } ?? false
            if !isOver {
                clock = ServerClock(read: try await reader.serverTime(), at: .now)
                guard present.isFree(at: clock.now) else { throw held(module, present, clock.now) }
            }
        }
        let desired = ModuleLease.manifest(
            module, holder: holder, runID: runID, auditHead: present?.runID == runID ? present?.auditHead : nil,
            duration: Int(max(1, duration.components.seconds)), acquiredAt: clock.now, renewedAt: clock.now,
            transitions: present.map { $0.transitions + 1 } ?? 0)
        let answer = try await take(desired, insteadOf: present, module, clock)
        let lease = HeldLease(
            module: module, record: try record(answer, module),
            takenOverFrom: present?.holder == nil ? nil : present, clock: clock)
        // The server dates every write: where our clock was wrong, the lease is dated anew by the server's.
        guard let written = answer.writeTime, abs(written.timeIntervalSince(clock.now)) > 3 else { return lease }
        return try await renew(
            HeldLease(
                module: module, record: lease.record, takenOverFrom: lease.takenOverFrom,
                clock: ServerClock(read: written, at: .now)))
    }

    /// Creates the lease, or replaces it as it was read; where somebody was quicker, says who.
    private func take(
        _ desired: Lease, insteadOf present: LeaseRecord?, _ module: String, _ clock: ServerClock
    ) async throws(KubernetesError) -> JSONValue {
        do {
            if let present {
                return try await replace(desired, resourceVersion: present.resourceVersion, uid: present.uid)
            }
            return try await create(desired)
        } catch {
            guard error.serverReason == .conflict || error.serverReason == .alreadyExists else { throw error }
            guard let winner = try await reader.lease(ofModule: module) else {
                throw lost(module, nil, "it was deleted at the moment it was to be taken")
            }
            throw held(module, winner, clock.now)
        }
    }

    /// Renews a lease, and notes the audit log's head on it where one is given.
    ///
    /// Where somebody else took it meanwhile, the error's code is ``KubernetesError/Code/leaseLost(_:)``.
    public func renew(_ lease: HeldLease, auditHead: String? = nil) async throws(KubernetesError) -> HeldLease {
        try await update(lease) { present in
            ModuleLease.manifest(
                lease.module, holder: present.holder, runID: present.runID, auditHead: auditHead ?? present.auditHead,
                duration: present.duration, acquiredAt: present.acquiredAt, renewedAt: lease.clock.now,
                transitions: present.transitions)
        }
    }

    /// Gives a lease back; the object stays, with the run's id and the audit log's head on it.
    public func release(_ lease: HeldLease, auditHead: String? = nil) async throws(KubernetesError) {
        _ = try await update(lease) { present in
            ModuleLease.manifest(
                lease.module, holder: nil, runID: present.runID, auditHead: auditHead ?? present.auditHead,
                duration: present.duration, acquiredAt: present.acquiredAt, renewedAt: lease.clock.now,
                transitions: present.transitions)
        }
    }

    /// Frees the lease of `module` from the run that `record` names.
    ///
    /// The caller has made sure that the run is over. Where the lease changed since it was read, the error's reason is
    /// `conflict`.
    public func breakLease(ofModule module: String, _ record: LeaseRecord) async throws(KubernetesError) {
        let free = ModuleLease.manifest(
            module, holder: nil, runID: record.runID, auditHead: record.auditHead, duration: max(1, record.duration),
            acquiredAt: record.acquiredAt, renewedAt: record.renewedAt, transitions: record.transitions)
        try await replace(free, resourceVersion: record.resourceVersion, uid: record.uid)
    }

    /// Compare-and-swap; where the object changed and is still ours, once more from its present state.
    private func update(
        _ lease: HeldLease, _ manifest: (LeaseRecord) -> Lease
    ) async throws(KubernetesError) -> HeldLease {
        var present = lease.record
        for isLastTry in [false, true] {
            do {
                let answer = try await replace(
                    manifest(present), resourceVersion: present.resourceVersion, uid: present.uid)
                return HeldLease(
                    module: lease.module, record: try record(answer, lease.module), takenOverFrom: lease.takenOverFrom,
                    clock: lease.clock)
            } catch {
                guard error.serverReason == .conflict || error.serverReason == .notFound else { throw error }
                guard let now = try await reader.lease(ofModule: lease.module) else {
                    throw lost(lease.module, nil, "it was deleted")
                }
                guard now.runID == lease.record.runID, now.holder == lease.record.holder, !isLastTry else {
                    throw lost(
                        lease.module, now,
                        now.holder.map { "\($0) holds it now, for run \(now.runID ?? "unknown")" } ?? "it was freed")
                }
                present = now
            }
        }
        throw lost(lease.module, nil, "it changes faster than it can be renewed")
    }

    private func record(_ object: JSONValue, _ module: String) throws(KubernetesError) -> LeaseRecord {
        guard let record = LeaseRecord(object) else {
            throw reader.kubectl.unreadable(
                "the Lease in the answer has no resourceVersion", for: "take the lease of module \(module)")
        }
        return record
    }

    private func held(_ module: String, _ record: LeaseRecord, _ now: Date) -> KubernetesError {
        let since = record.acquiredAt.map { " since \(Timestamp.text($0))" } ?? ""
        let left = record.expiresAt.map { max(0, Int($0.timeIntervalSince(now).rounded(.up))) } ?? 0
        return KubernetesError(
            .leaseHeld(record), attempt: "take the lease of module \(module)", host: reader.hostName,
            cause: "\(record.holder ?? "somebody") holds it\(since) with run \(record.runID ?? "unknown"); "
                + "it expires in \(left) s unless it is renewed",
            remedy: "wait for that run to end; if its process is gone, wait \(left) s or use "
                + "`runner unlock \(record.runID ?? "RUN")`",
            kind: .busy)
    }

    private func lost(_ module: String, _ record: LeaseRecord?, _ why: String) -> KubernetesError {
        KubernetesError(
            .leaseLost(record), attempt: "keep the lease of module \(module)", host: reader.hostName,
            cause: "the lease keybuzz-runner-\(module) is no longer ours: \(why)",
            remedy: "see what the other run did, then `runner resume`", kind: .busy)
    }
}

extension JSONValue {
    /// When the server last wrote an object through our field manager, to the second.
    fileprivate var writeTime: Date? {
        (self["metadata", "managedFields"]?.elements ?? [])
            .filter { $0["manager"]?.string == ClusterWriter.fieldManager }
            .compactMap { $0["time"]?.string.flatMap(Timestamp.date) }
            .max()
    }
}
