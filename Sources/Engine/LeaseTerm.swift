import ClientKit
import StepKit

/// How long the module's lease still lets this run change anything.
///
/// Measured on a monotonic clock that goes on while the machine sleeps or this process is stopped. A
/// term that has run out is never renewed: another run may have had the module since.
final class LeaseTerm: Sendable {
    private struct State {
        /// `nil` before the lease is taken.
        var fence: Fence?
        var isOver = false
        var hasRefused = false
        var loss: (any Error)?
        /// Why the term would be over, had it run out now.
        var trouble: (any Error)?
        /// How long there is between two renewals.
        var interval = Duration.zero
        var endsRun = false
    }

    private let module: Int
    private let state = Locked(State())
    let clock: LeaseClock

    init(module: Int, clock: LeaseClock) {
        self.module = module
        self.clock = clock
    }

    /// Begins a term of `lease`, which was taken or renewed by a request made at `asked`.
    ///
    /// Throws where the term before ran out in the meantime.
    func begin(asked: ContinuousClock.Instant, of lease: LeaseTaking) throws {
        if isOver { throw expiry }
        // The margin covers what the API server's clock may differ by, and the way of a command that
        // is about to be sent: others judge the lease by that clock.
        let end = asked + lease.duration - lease.duration / 10
        state.withLock { state in
            state.fence = Fence(module: module, number: lease.number, began: asked, end: end)
            state.trouble = nil
            state.interval = lease.duration / 4
        }
    }

    /// When the term ends unless it is renewed.
    var end: ContinuousClock.Instant { fence?.end ?? clock.now() }

    /// What changes carry; `nil` before the lease is taken.
    var fence: Fence? { state.withLock { $0.fence } }

    /// Whether the term has run out.
    var isOver: Bool {
        let now = clock.now()
        return state.withLock { state in
            if let fence = state.fence, now >= fence.end { state.isOver = true }
            return state.isOver
        }
    }

    /// Ends the term now, and with it all changes, also those that clean up after a cancelled step: another run may have
    /// the lease.
    func lose(because loss: any Error) {
        state.withLock { state in
            state.isOver = true
            state.loss = loss
        }
    }

    /// Notes why the last renewal failed, in the words that are right if the term runs out before one succeeds.
    func note(_ trouble: any Error) { state.withLock { $0.trouble = trouble } }

    /// Why the term is over: as the keeper knows it, or by the clock.
    ///
    /// The keeper finds at once that the term is over, unless this machine stands still: then that is why.
    var loss: any Error {
        let now = clock.now()
        return state.withLock { state in
            if let loss = state.loss { return loss }
            guard let end = state.fence?.end, now < end + state.interval else { return nil }
            return state.trouble
        } ?? expiry
    }

    /// Why the run ends, where it does because of the lease; `nil` where a signal came first.
    var endOfRun: (any Error)? { state.withLock { $0.endsRun } ? loss : nil }

    /// Ends the run because its term is over: what comes later, as a signal, is not why.
    func endRun() { state.withLock { $0.endsRun = true } }

    /// Whether a change was refused because the term had run out.
    var hasRefused: Bool { state.withLock { $0.hasRefused } }

    /// Throws unless the lease is held now, with time left.
    func requireTime() throws {
        guard fence != nil else {
            throw StepFailure(
                "change anything for module \(module)", cause: "its lease has not been taken yet",
                remedy: "report this")
        }
        guard isOver else { return }
        state.withLock { $0.hasRefused = true }
        throw loss
    }

    /// What ends a run whose term the clock has ended.
    var expiry: StepFailure {
        StepFailure(
            "hold the lease of module \(module)",
            cause: "it expired before it was renewed, as when this machine sleeps or the process is "
                + "stopped; another run may have taken the module",
            remedy: Fence.remedy,
            kind: .busy)
    }
}
