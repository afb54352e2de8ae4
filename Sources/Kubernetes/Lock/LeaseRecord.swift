public import ClientKit
public import Foundation

/// The contents of a module's lease.
public struct LeaseRecord: Sendable, Hashable {
    /// Who holds it, as `user@host pid`; `nil` when it was released.
    public let holder: String?
    /// The run that holds it or held it last.
    public let runID: String?
    /// The process that holds it or held it last; `nil` where its system could not identify it.
    public let process: ProcessIdentity?
    /// The step that the run was at when it last renewed the lease.
    public let step: String?
    /// The head of that run's audit log, as it was last recorded in the cluster.
    public let auditHead: String?
    /// Since when, by the API server's clock.
    public let acquiredAt: Date?
    /// When it was last renewed, by the API server's clock.
    public let renewedAt: Date?
    /// How long it is valid after a renewal, in seconds.
    public let duration: Int
    /// The fencing number: greater each time that a run takes the lease; 0 where an earlier version wrote it.
    public let number: Int
    /// The last turn of another run than ``runID``; `nil` where there was none, or an earlier version wrote it.
    public let before: LeaseTurn?
    /// How often it changed hands.
    public let transitions: Int
    /// The version of the object that this was read from, for compare-and-swap.
    public let resourceVersion: String
    /// Identifies the object: it changes when the object is deleted and created again.
    let uid: String

    /// When it expires unless it is renewed; `nil` when it is not held.
    public var expiresAt: Date? {
        holder == nil
            ? nil
            : (renewedAt ?? acquiredAt ?? .distantPast).addingTimeInterval(TimeInterval(duration))
    }

    /// The last turn of another run than `run`; `nil` where the lease names none.
    public func lastTurn(besides run: String) -> LeaseTurn? {
        runID == run ? before : runID.map { LeaseTurn(run: $0, number: number) }
    }

    /// Whether it is released or expired at `time`, which must be the API server's.
    public func isFree(at time: Date) -> Bool {
        expiresAt.map { $0 <= time } ?? true
    }

    /// Reads a Lease object; `nil` where it has no resourceVersion.
    init?(_ object: JSONValue) {
        guard let resourceVersion = object["metadata", "resourceVersion"]?.string,
            let uid = object.uid
        else { return nil }
        self.uid = uid
        let annotations = object["metadata", "annotations"]?.strings ?? [:]
        self.resourceVersion = resourceVersion
        holder = object["spec", "holderIdentity"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        runID = annotations[Lease.Annotation.runID]
        process = annotations[Lease.Annotation.process].flatMap(ProcessIdentity.init)
        step = annotations[Lease.Annotation.step]
        auditHead = annotations[Lease.Annotation.auditHead]
        let number = annotations[Lease.Annotation.number].flatMap { Int($0) } ?? 0
        self.number = Lease.numbers.contains(number) ? number : 0
        let words = annotations[Lease.Annotation.before]?.split(separator: " ") ?? []
        before = words.count == 2 ? Int(words[1]).map { LeaseTurn(run: String(words[0]), number: $0) } : nil
        acquiredAt = object["spec", "acquireTime"]?.string.flatMap(Timestamp.date)
        renewedAt = object["spec", "renewTime"]?.string.flatMap(Timestamp.date)
        duration = object["spec", "leaseDurationSeconds"]?.integer ?? 0
        transitions = object["spec", "leaseTransitions"]?.integer ?? 0
    }
}
