/// Calls `look` until it returns true or `limit` has passed; returns whether it did.
///
/// `look` is passed the remaining time. It is called at least once, and a last time at the end of
/// the limit.
public func poll(
    within limit: Duration, every interval: Duration = .milliseconds(500), _ look: (Duration) async throws -> Bool
) async throws -> Bool {
    let deadline = ContinuousClock.now + limit
    while true {
        let left = ContinuousClock.now.duration(to: deadline)
        if try await look(max(left, .zero)) { return true }
        guard left > .zero else { return false }
        try await Task.sleep(for: min(interval, left))
    }
}
