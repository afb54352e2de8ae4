/// A module's lease as it was at one moment: acquiring it later shows whether anybody held it in
/// between.
public struct LeaseObservation: Sendable {
    let record: LeaseRecord?
}
