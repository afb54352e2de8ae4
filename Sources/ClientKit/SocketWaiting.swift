import Foundation

/// Why waiting for a socket ended.
public enum Readiness: Sendable {
    /// The event has occurred.
    case ready
    /// The deadline came first.
    case deadline
    /// The task was cancelled.
    case interrupted
}

/// Waits until one of the poll `events` occurs on `descriptor`, blocking the calling thread.
///
/// Cancellation of the current task is checked ten times a second: a blocked thread cannot be
/// notified of it.
public func waitForSocket(
    _ descriptor: Int32, events: Int32, until deadline: ContinuousClock.Instant
) -> Readiness {
    while true {
        if Task.isCancelled { return .interrupted }
        let left = deadline - .now
        guard left > .zero else { return .deadline }
        var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        let milliseconds = min(left, .milliseconds(100)) / .milliseconds(1)
        let count = poll(&entry, 1, Int32(milliseconds.rounded(.up)))
        // A failure other than EINTR is left to the next call on the socket, which reports it.
        if count > 0 || (count < 0 && errno != EINTR) { return .ready }
    }
}
