public import Foundation

/// A Lease object: who holds something, since when, and until when unless renewed.
struct Lease: Manifest {
    let apiVersion = "coordination.k8s.io/v1"
    let kind = "Lease"
    var metadata: ObjectMeta
    var spec: Spec

    struct Spec: Encodable, Sendable, Hashable {
        /// `nil` when nobody holds it: newer servers refuse an empty string.
        var holderIdentity: String?
        var leaseDurationSeconds: Int
        var acquireTime: String?
        var renewTime: String?
        var leaseTransitions: Int
    }
}

/// What a module's lease says.
public struct LeaseRecord: Sendable, Hashable {
    /// Who holds it, as `user@host pid`; `nil` when it was released.
    public let holder: String?
    /// The run that holds it or held it last.
    public let runID: String?
    /// The head of that run's audit log, as it was put outside the machine last.
    public let auditHead: String?
    /// Since when, by the API server's clock.
    public let acquiredAt: Date?
    /// When it was renewed last, by the API server's clock.
    public let renewedAt: Date?
    /// How long it holds after a renewal, in seconds.
    public let duration: Int
    /// How often it changed hands.
    public let transitions: Int
    /// The state of the object that this was read from, for compare-and-swap.
    public let resourceVersion: String
    /// The object's identity: another one after it was deleted and made again.
    let uid: String

    /// When it expires unless it is renewed; `nil` when nobody holds it.
    public var expiresAt: Date? {
        holder == nil ? nil : (renewedAt ?? acquiredAt ?? .distantPast).addingTimeInterval(TimeInterval(duration))
    }

    /// Whether nobody holds it any more at `time`, which must be the API server's.
    public func isFree(at time: Date) -> Bool {
        expiresAt.map { $0 <= time } ?? true
    }

    /// Reads a Lease object; `nil` where it has no resourceVersion.
    init?(_ object: JSONValue) {
        guard let resourceVersion = object["metadata", "resourceVersion"]?.string, let uid = object.uid else {
            return nil
        }
        self.uid = uid
        let annotations = object["metadata", "annotations"]?.strings ?? [:]
        self.resourceVersion = resourceVersion
        holder = object["spec", "holderIdentity"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        runID = annotations[Annotation.runID]
        auditHead = annotations[Annotation.auditHead]
        acquiredAt = object["spec", "acquireTime"]?.string.flatMap(Timestamp.date)
        renewedAt = object["spec", "renewTime"]?.string.flatMap(Timestamp.date)
        duration = object["spec", "leaseDurationSeconds"]?.integer ?? 0
        transitions = object["spec", "leaseTransitions"]?.integer ?? 0
    }

    enum Annotation {
        static let runID = "runner.keybuzz.io/run-id"
        static let auditHead = "runner.keybuzz.io/audit-head"
    }
}

/// A module's lease while this process holds it; each renewal gives the next one.
///
/// The lease lies in namespace `default` under the name `keybuzz-runner-MODULE`.
public struct HeldLease: Sendable {
    /// The module, such as `11`.
    public let module: String
    /// What the lease says now.
    public let record: LeaseRecord
    /// Whom it was taken over from, where it had not been released.
    public let takenOverFrom: LeaseRecord?
    /// Whether it was taken as it had been observed: nobody had it in between.
    public internal(set) var isUndisturbed = true
    /// The API server's clock, carried on by this machine's.
    let clock: ServerClock
}

/// The API server's clock, read once and carried on by a local clock that never jumps and counts a laptop's sleep.
struct ServerClock: Sendable {
    let read: Date
    let at: ContinuousClock.Instant

    var now: Date {
        let elapsed = (ContinuousClock.now - at).components
        return read.addingTimeInterval(Double(elapsed.seconds) + Double(elapsed.attoseconds) / 1e18)
    }
}

enum ModuleLease {
    static func reference(_ module: String) -> ObjectReference {
        ObjectReference(
            apiVersion: "coordination.k8s.io/v1", kind: "Lease", namespace: "default", name: "keybuzz-runner-\(module)")
    }

    static func manifest(
        _ module: String, holder: String?, runID: String?, auditHead: String?, duration: Int, acquiredAt: Date?,
        renewedAt: Date?, transitions: Int
    ) -> Lease {
        var annotations: [String: String] = [:]
        annotations[LeaseRecord.Annotation.runID] = runID
        annotations[LeaseRecord.Annotation.auditHead] = auditHead
        return Lease(
            metadata: ObjectMeta(
                name: reference(module).name, namespace: "default",
                annotations: annotations.isEmpty ? nil : annotations),
            spec: .init(
                holderIdentity: holder, leaseDurationSeconds: duration,
                acquireTime: acquiredAt.map(Timestamp.microText), renewTime: renewedAt.map(Timestamp.microText),
                leaseTransitions: transitions))
    }
}
