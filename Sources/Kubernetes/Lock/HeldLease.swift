/// A module's lease while this process holds it; each renewal returns the next one.
///
/// The Lease object is in namespace `default`, with the name `keybuzz-runner-MODULE`.
public struct HeldLease: Sendable {
    /// The module, such as `11`.
    public let module: String
    /// The contents of the lease.
    public let record: LeaseRecord
    /// The previous holder's lease, where it had not been released.
    public let takenOverFrom: LeaseRecord?
    /// The lease as it was before, held or released; nil where there was none.
    public let before: LeaseRecord?
    /// Whether it was observed while nobody held it, and acquired as it was then, so that nothing was
    /// changed in between.
    public internal(set) var isUndisturbed = true
    /// The API server's clock.
    let clock: ServerClock
}
