import ClientKit

/// The remote shells of one connection, and the commands that wait for one; belongs to the connection's actor.
///
/// First come, first served, but a change that waits for the end of another one lets reads pass.
final class ShellPool {
    /// One command's place in the queue, and then the shell that it has.
    final class Claim {
        let nonce: String
        fileprivate let effect: Effect
        fileprivate(set) var shell: ShellChannel?
        /// Why there is no shell.
        fileprivate(set) var refusal: SSHError?
        private var isAnswered = false
        private var continuation: CheckedContinuation<Void, Never>?

        init(nonce: String, effect: Effect) {
            self.nonce = nonce
            self.effect = effect
        }

        /// Waits until it has a shell, or is told that it gets none.
        func wait(isolation: isolated any Actor) async {
            if !isAnswered { await withCheckedContinuation { continuation = $0 } }
        }

        fileprivate func answer() {
            isAnswered = true
            continuation?.resume()
        }
    }

    /// All there are, also those in use and one that is being started.
    private(set) var shells: [ShellChannel] = []
    private var waiting: [Claim] = []
    private var isChanging = false
    private var isOpening = false
    private var limit: Int
    private var granted = 0

    init(limit: Int) {
        self.limit = max(1, limit)
    }

    /// Whether there were more shells before than there are now.
    var isShort: Bool { shells.count < granted }
    /// The commands in flight.
    var inFlight: [InFlightCommand] { shells.compactMap(\.inFlight) }

    func append(_ shell: ShellChannel) {
        shells.append(shell)
        granted = max(granted, shells.count)
    }

    /// Forgets a shell; false where it was forgotten before.
    func remove(_ shell: ShellChannel) -> Bool {
        guard let place = shells.firstIndex(where: { $0 === shell }) else { return false }
        shells.remove(at: place)
        return true
    }

    /// Puts `claim` at the end of the queue; ``handOut()`` must follow.
    func enqueue(_ claim: Claim) {
        waiting.append(claim)
    }

    /// Takes the claim with this nonce out of the queue; false where it does not wait any more.
    func withdraw(_ nonce: String) -> Bool {
        guard let place = waiting.firstIndex(where: { $0.nonce == nonce }) else { return false }
        waiting.remove(at: place).answer()
        return true
    }

    /// Takes back what `claim` has; ``handOut()`` must follow.
    func release(_ claim: Claim) {
        guard let shell = claim.shell else { return }
        shell.isIdle = true
        if claim.effect == .change { isChanging = false }
    }

    /// Gives idle shells to those who wait.
    ///
    /// Where this returns true, there are too few: another is to be opened, and ``openingEnded(_:)`` called.
    func handOut() -> Bool {
        while let place = firstServable {
            guard let shell = shells.first(where: \.isIdle) else {
                guard !isOpening, shells.count < limit else { return false }
                isOpening = true
                return true
            }
            let claim = waiting.remove(at: place)
            shell.isIdle = false
            claim.shell = shell
            if claim.effect == .change { isChanging = true }
            claim.answer()
        }
        return false
    }

    /// Notes that a shell was opened, or why not; ``handOut()`` must follow.
    ///
    /// A server that grants no more than there are is not asked again; where there are none, the first who waits is told.
    func openingEnded(_ failure: SSHError?) {
        isOpening = false
        guard let failure else { return }
        if !shells.isEmpty {
            limit = shells.count
            granted = shells.count
        } else if let place = firstServable {
            let claim = waiting.remove(at: place)
            claim.refusal = failure
            claim.answer()
        }
    }

    /// Ends the commands in flight and the wait of all others, for good.
    func lose(_ reason: LinkFailure) {
        for command in inFlight { command.end(.linkLost(reason)) }
        shells = []
        for claim in waiting { claim.answer() }
        waiting = []
    }

    private var firstServable: Int? {
        waiting.firstIndex { $0.effect == .read || !isChanging }
    }
}
