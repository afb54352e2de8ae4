import ClientKit

/// When a wait ends at the latest.
///
/// It keeps the limit that it comes from: errors name that, never what was left of it. It counts on the
/// clock that only goes forward, whatever happens to the time of day.
struct Deadline: Sendable, Hashable {
    /// How long the whole may take.
    let limit: TimeLimit
    /// When that is over.
    let end: ContinuousClock.Instant

    /// `limit` from now on.
    init(in limit: TimeLimit) {
        self.init(in: limit, end: .now + limit.duration)
    }

    private init(in limit: TimeLimit, end: ContinuousClock.Instant) {
        self.limit = limit
        self.end = end
    }

    /// Whether it has passed.
    var hasPassed: Bool { .now >= end }

    /// The same, later by what does not count: the time of somebody else.
    func postponed(by duration: Duration) -> Deadline {
        Deadline(in: limit, end: end + duration)
    }
}
