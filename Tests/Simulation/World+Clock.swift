import ClientKit
import Foundation

@testable import Engine

/// The clock, on which the lease is renewed when the world says so, and never by itself.
extension World {
    var clock: LeaseClock {
        LeaseClock(now: { self.state.withLock { $0.now } }, sleep: { try await self.sleep(for: $0) })
    }

    private func sleep(for duration: Duration) async throws {
        let isWaiting = state.withLock { state in
            guard duration <= Self.lockPause, state.lease?.holder != .life(state.life) else { return false }
            state.pass(duration)
            return true
        }
        if isWaiting { return }
        let number = state.withLock { state in
            state.sleeperCount += 1
            return state.sleeperCount
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                // Between two renewals; the other sleep is the time that one of them has at most.
                let isRenewal = !ChangeGate.isWritingLease
                let (isRunning, waiting) = state.withLock { state in
                    if state.isRunning {
                        state.sleepers.append(
                            Sleeper(
                                number: number, end: state.now + duration, isRenewal: isRenewal,
                                continuation: continuation))
                    }
                    defer { if isRenewal { state.whenRenewed = nil } }
                    return (state.isRunning, isRenewal ? state.whenRenewed : nil)
                }
                waiting?.resume()
                if !isRunning { continuation.resume(throwing: Ended()) }
                if Task.isCancelled { wake(number) }
            }
        } onCancel: {
            wake(number)
        }
    }

    private func wake(_ number: Int) {
        state.withLock { $0.takeSleeper { $0.number == number } }?.continuation.resume(throwing: CancellationError())
    }

    /// Lets the lease be renewed, where it is time for that, and waits for the end of it.
    func letRenew() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiting in
                let due = state.withLock { state -> Sleeper? in
                    let now = state.now
                    guard let due = state.takeSleeper({ $0.isRenewal && $0.end <= now }) else { return nil }
                    state.whenRenewed = waiting
                    return due
                }
                guard let due else { return waiting.resume() }
                due.continuation.resume()
                if Task.isCancelled { stopWaiting() }
            }
        } onCancel: {
            stopWaiting()
        }
    }

    private func stopWaiting() {
        state.withLock { state in
            defer { state.whenRenewed = nil }
            return state.whenRenewed
        }?.resume()
    }
}
