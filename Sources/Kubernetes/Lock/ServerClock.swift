import Foundation

/// The API server's clock, read once and advanced by a local clock that never jumps and keeps
/// running while a laptop sleeps.
struct ServerClock: Sendable {
    let read: Date
    /// When it was asked for, and when the answer was there.
    let asked: ContinuousClock.Instant
    let answered: ContinuousClock.Instant

    /// What it shows at least, up to the second that it tells: nobody's term has ended before.
    var now: Date { read.advanced(since: answered) }

    /// What it shows at most: a term that is renewed must not end for others before it does for its
    /// holder, who counts from the request, however late the answer of the time was.
    ///
    /// It tells whole seconds, so that it may be almost one further.
    var latest: Date { read.advanced(since: asked) + 1 }
}

extension Date {
    fileprivate func advanced(since start: ContinuousClock.Instant) -> Date {
        let elapsed = (ContinuousClock.now - start).components
        return addingTimeInterval(Double(elapsed.seconds) + Double(elapsed.attoseconds) / 1e18)
    }
}
