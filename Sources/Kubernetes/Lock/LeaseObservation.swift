import ClientKit

/// A module's lease as it was at one moment: acquiring it later shows whether anybody held it in
/// between.
public struct LeaseObservation: Sendable {
    let record: LeaseRecord?
    /// The run that had it last, or has it; `nil` where it names none.
    public var runID: String? { record?.runID }
    /// Whether nobody could change anything at that moment: it was released, or its process was gone.
    let isUnheld: Bool

    init(record: LeaseRecord?) {
        self.record = record
        isUnheld = record?.holder == nil || record?.process?.isGone == true
    }
}
