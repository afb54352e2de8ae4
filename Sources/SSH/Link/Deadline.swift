/// When a wait ends at the latest.
///
/// It keeps the limit that it comes from: errors name that, never what was left of it. It counts on the
/// clock that only goes forward, whatever happens to the time of day.
struct Deadline: Sendable, Hashable {
    /// How long the whole may take.
    let limit: Duration
    /// When that is over.
    let end: ContinuousClock.Instant

    /// `limit` from now on.
    init(in limit: Duration) {
        self.init(in: limit, end: .now + limit)
    }

    private init(in limit: Duration, end: ContinuousClock.Instant) {
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
