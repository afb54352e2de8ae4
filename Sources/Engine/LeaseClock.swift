/// The clock that a lease's term is measured on.
public struct LeaseClock: Sendable {
    /// What time it is.
    public let now: @Sendable () -> ContinuousClock.Instant
    /// Waits so long, unless the task is cancelled.
    public let sleep: @Sendable (Duration) async throws -> Void

    /// Tells the time by these.
    public init(
        now: @escaping @Sendable () -> ContinuousClock.Instant,
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.now = now
        self.sleep = sleep
    }

    /// The system's monotonic clock that goes on while the machine sleeps.
    public static let continuous = LeaseClock(
        now: { .now }, sleep: { try await Task.sleep(for: $0, clock: .continuous) })
}
