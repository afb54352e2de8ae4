import ClientKit

/// How long a run waits for the module while another has it.
struct LockWait: Sendable {
    private let deadline: ContinuousClock.Instant
    private let limit: Duration
    private let clock: LeaseClock
    private let events: @Sendable (EngineEvent) -> Void
    private let told = Once<Bool>()

    /// Begins to count.
    init(_ limit: Duration, on clock: LeaseClock, events: @escaping @Sendable (EngineEvent) -> Void) {
        deadline = clock.now() + limit
        self.clock = clock
        self.limit = limit
        self.events = events
    }

    /// Does `taking`, and again every `pause` for as long as it fails because another run has the
    /// module; throws that failure at the deadline.
    func retrying<Value>(
        every pause: Duration, _ taking: () async throws -> Value
    ) async throws -> Value {
        while true {
            do {
                return try await taking()
            } catch let error as any ExplainedError where error.kind == .busy {
                let left = clock.now().duration(to: deadline)
                guard left > .zero else { throw error }
                if told.isNew(true) {
                    events(.warning("\(error.cause); waiting up to \(limit.inWords) for it to end"))
                }
                try await clock.sleep(min(pause, left))
            }
        }
    }
}
