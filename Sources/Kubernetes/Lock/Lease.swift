import ClientKit
import Foundation

/// A Lease object as the runner writes it.
struct Lease: Manifest {
    let apiVersion = "coordination.k8s.io/v1"
    let kind = "Lease"
    var metadata: ObjectMeta
    var spec: Spec

    struct Spec: Encodable, Sendable, Hashable {
        /// `nil` when it is not held: newer servers refuse an empty string.
        var holderIdentity: String?
        var leaseDurationSeconds: Int
        var acquireTime: String?
        var renewTime: String?
        var leaseTransitions: Int
    }
}

extension Lease {
    /// The annotations that a module's lease has.
    enum Annotation {
        static let runID = "runner.keybuzz.io/run-id"
        static let process = "runner.keybuzz.io/process"
        static let step = "runner.keybuzz.io/step"
        static let auditHead = "runner.keybuzz.io/audit-head"
        static let number = "runner.keybuzz.io/fencing-number"
        /// The last run but this one, and its number.
        static let before = "runner.keybuzz.io/before"
    }

    /// The fencing numbers that there are; anything else in the annotation was not written by a run.
    static let numbers = 0..<(1 << 36)

    /// The fencing number of a run that takes the lease after `present`, at `time` by the API server's clock.
    ///
    /// Seconds since 1970, so that it also grows where the object was deleted in between; where the clock was set back, one
    /// more than before.
    static func number(after present: LeaseRecord?, at time: Date) -> Int {
        max((present?.number ?? 0) + 1, Int(time.timeIntervalSince1970))
    }

    /// The object that is the lease of `module`.
    static func reference(forModule module: String) -> ObjectReference {
        ObjectReference(
            apiVersion: "coordination.k8s.io/v1", kind: "Lease", namespace: "default",
            name: "keybuzz-runner-\(module)")
    }

    /// The lease of `module` with these contents; `duration` is in seconds.
    init(
        module: String, holder: String?, runID: String?, process: ProcessIdentity?, step: String? = nil,
        auditHead: String?, number: Int, before: LeaseTurn?, duration: Int, acquiredAt: Date?, renewedAt: Date?,
        transitions: Int
    ) {
        var annotations: [String: String] = [:]
        annotations[Annotation.runID] = runID
        annotations[Annotation.process] = process?.description
        annotations[Annotation.step] = step
        annotations[Annotation.auditHead] = auditHead
        annotations[Annotation.number] = String(number)
        annotations[Annotation.before] = before.map { "\($0.run) \($0.number)" }
        self.init(
            metadata: ObjectMeta(
                name: Self.reference(forModule: module).name, namespace: "default",
                annotations: annotations.isEmpty ? nil : annotations),
            spec: Spec(
                holderIdentity: holder, leaseDurationSeconds: duration,
                acquireTime: acquiredAt.map(Timestamp.microText),
                renewTime: renewedAt.map(Timestamp.microText), leaseTransitions: transitions))
    }

    /// The lease of `module` with the contents of `record`, renewed at `time`; a given step or
    /// audit head replaces the recorded one.
    init(
        module: String, renewing record: LeaseRecord, holder: String?, at time: Date?,
        step: String? = nil, auditHead: String? = nil
    ) {
        self.init(
            module: module, holder: holder, runID: record.runID, process: record.process, step: step,
            auditHead: auditHead ?? record.auditHead, number: record.number, before: record.before,
            duration: record.duration, acquiredAt: record.acquiredAt, renewedAt: time, transitions: record.transitions)
    }
}
