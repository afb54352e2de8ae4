public import ClientKit

/// A module's lease as it was at one moment: acquiring it later shows whether anybody held it in
/// between.
public struct LeaseObservation: Sendable {
    let record: LeaseRecord?
    /// The last turn of another run than `run`; `nil` where the lease names none.
    public func lastTurn(besides run: String) -> LeaseTurn? { record?.lastTurn(besides: run) }
    /// Whether there is a Lease.
    public var isThere: Bool { record != nil }
    /// Whether another run than `run` has it, be it over: it was not released.
    public func isHeld(besides run: String) -> Bool { record.map { $0.holder != nil && $0.runID != run } ?? false }

    /// Whether nobody could change anything at that moment: it was released, or its process was gone.
    let isUnheld: Bool

    init(record: LeaseRecord?) {
        self.record = record
        isUnheld = record?.holder == nil || record?.process?.isGone == true
    }
}
