import ClientKit

/// The remote shells of one connection, and the commands that wait for one; belongs to the connection's actor.
///
/// First come, first served, but reads overtake a change that waits for another one to end.
final class ShellPool {
    /// One command's place in the queue, and then the shell that it has.
    final class Claim {
        fileprivate let isExclusive: Bool
        fileprivate(set) var shell: ShellChannel?
        /// Why there is no shell.
        fileprivate(set) var refusal: SSHError?
        fileprivate let wait = Wait()
        private var isAnswered = false

        init(isExclusive: Bool) {
            self.isExclusive = isExclusive
        }

        /// Waits until it has a shell, cannot have one, or the task is cancelled.
        func wait(on loop: EventLoop, isolation: isolated any Actor) async {
            // Bounded by the limits of the commands before it, and by nothing else.
            let day = Duration.seconds(86_400)
            if !isAnswered { _ = await loop.wait(wait, until: .now + day, isolation: isolation) }
        }

        fileprivate func answer() {
            isAnswered = true
            wait.end()
        }
    }

    /// The outcome of opening a shell.
    enum Opening {
        case opened
        /// The server grants no more.
        case refused(SSHError)
        case failed(SSHError)
    }

    /// How long to wait before asking a server again for more than it granted.
    private static let pause = Duration.seconds(30)

    /// All there are, also those in use and one that is being started.
    private(set) var shells: [ShellChannel] = []
    private var waiting: [Claim] = []
    private var isChanging = false
    private var isOpening = false
    private let limit: Int
    private var granted = 0
    private var nextOpening = ContinuousClock.now

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

    /// Takes `claim` out of the queue, if it still waits there.
    func withdraw(_ claim: Claim) {
        waiting.removeAll { $0 === claim }
    }

    /// Takes back what `claim` has; ``handOut()`` must follow.
    func release(_ claim: Claim) {
        guard let shell = claim.shell else { return }
        shell.isIdle = true
        if claim.isExclusive { isChanging = false }
    }

    /// Gives idle shells to the waiting commands.
    ///
    /// Where this returns true, there are too few: another is to be opened, and ``noteOpening(_:)`` called.
    func handOut() -> Bool {
        while let place = firstServable {
            guard let shell = shells.first(where: \.isIdle) else {
                let isPaused = !shells.isEmpty && .now < nextOpening
                guard !isOpening, !isPaused, shells.count < limit else { return false }
                isOpening = true
                return true
            }
            let claim = waiting.remove(at: place)
            shell.isIdle = false
            claim.shell = shell
            if claim.isExclusive { isChanging = true }
            claim.answer()
        }
        return false
    }

    /// Notes that a shell was opened, or why not; ``handOut()`` must follow.
    ///
    /// Where there are others it is tried again only after a while; where there are none, the first waiting command
    /// fails.
    func noteOpening(_ opening: Opening) {
        isOpening = false
        let failure: SSHError
        switch opening {
        case .opened: return
        case .refused(let error):
            failure = error
            granted = shells.count
        case .failed(let error): failure = error
        }
        if !shells.isEmpty {
            nextOpening = .now + Self.pause
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
        waiting.firstIndex { !$0.isExclusive || !isChanging }
    }
}
