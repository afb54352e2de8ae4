import Foundation

/// The API server's clock, read once and advanced by a local clock that never jumps and keeps
/// running while a laptop sleeps.
struct ServerClock: Sendable {
    let read: Date
    let at: ContinuousClock.Instant

    var now: Date {
        let elapsed = (ContinuousClock.now - at).components
        return read.addingTimeInterval(
            Double(elapsed.seconds) + Double(elapsed.attoseconds) / 1e18)
    }
}
