/// Looks again and again until `look` says that it is done or `limit` is over; whether it was done.
///
/// `look` is told how long is left. It is asked at least once, and once more at the end of the limit.
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
