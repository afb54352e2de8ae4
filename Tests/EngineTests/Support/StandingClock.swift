import ClientKit
import Engine
import Foundation

/// A clock that stands still until a test moves it: however busy the machine is, no lease runs out by
/// itself.
final class StandingClock: Sendable {
    private struct State {
        var now = ContinuousClock.now
        /// What is added once the time has been read.
        var next = Duration.zero
        /// When each of the waiting wants to be woken.
        var sleepers: [UUID: ContinuousClock.Instant] = [:]
    }

    private let state = Locked(State())

    var leaseClock: LeaseClock { LeaseClock(now: { self.read() }, sleep: { try await self.sleep(for: $0) }) }

    func advance(by duration: Duration) { state.withLock { $0.now += duration } }

    /// Advances as soon as somebody has read it once more.
    func advanceAfterNextReading(by duration: Duration) { state.withLock { $0.next = duration } }

    /// Waits for somebody who wants to be woken within `limit`, and lets that time pass.
    func wakeNext(within limit: Duration) async throws {
        try await eventually("somebody sleeps for \(limit) at most") {
            self.state.withLock { state in
                guard let first = state.sleepers.values.min(), first <= state.now + limit, first > state.now
                else { return false }
                state.now = first
                return true
            }
        }
    }

    private func read() -> ContinuousClock.Instant {
        state.withLock { state in
            defer { (state.now, state.next) = (state.now + state.next, .zero) }
            return state.now
        }
    }

    private func sleep(for duration: Duration) async throws {
        let id = UUID()
        let deadline = state.withLock { state in
            state.sleepers[id] = state.now + duration
            return state.now + duration
        }
        defer { state.withLock { $0.sleepers[id] = nil } }
        while state.withLock({ $0.now < deadline }) { try await Task.sleep(for: .milliseconds(2)) }
    }
}
