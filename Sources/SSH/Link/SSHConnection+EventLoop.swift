import CLibSSH2
import ClientKit
import Glibc
import Synchronization

/// What happens on the session's thread between the actor's jobs.
extension SSHConnection {
    /// A task that waits for the socket, or for another descriptor.
    struct Waiter {
        let descriptor: pollfd?
        /// How many bytes had been received when the wait began: more of them are news.
        let seen: UInt64
        let deadline: ContinuousClock.Instant
        let continuation: CheckedContinuation<Void, Never>
    }

    /// Moves everything that can move, looks at the clock, wakes those who wait, and says what to wait for next.
    func process(_ events: [pollfd]) -> EventLoop.Request {
        let isMoving = session.map { service($0, events: events) } ?? false
        watchClock()
        wakeWaiters(events)
        session?.transport.flush()
        var request = request()
        if isMoving { request.deadline = .now }
        return request
    }

    /// Waits until the socket had news, `descriptor` is ready, the deadline passed, or the session is lost.
    func wait(for descriptor: pollfd? = nil, until deadline: ContinuousClock.Instant) async {
        let seen = session?.transport.bytesReceived ?? 0
        await withCheckedContinuation {
            waiters.append(Waiter(descriptor: descriptor, seen: seen, deadline: deadline, continuation: $0))
        }
    }

    /// Repeats `operation`, a libssh2 call, until it has a result other than "try again".
    func complete(
        until deadline: ContinuousClock.Instant, _ operation: (Session) -> Int32
    ) async throws(LinkFailure) -> Int32 {
        let started = ContinuousClock.now
        while true {
            guard let session, loss == nil else { throw loss ?? .closedHere }
            let code = operation(session)
            session.transport.flush()
            if code != Session.again { return code }
            if let failure = session.transport.failure { throw failure }
            guard .now < deadline else { throw .timedOut(max(.zero, deadline - started)) }
            await wait(until: deadline)
        }
    }

    /// Gives the session up: whoever waits for something from it learns why.
    func lose(_ reason: LinkFailure) {
        guard loss == nil else { return }
        let reason = blamed(reason)
        // Before any tunnel is closed, so that whoever travels in one finds the reason here.
        lossSeen.withLock { $0 = reason }
        pool.lose(reason)
        for forward in forwards { forward.abandon() }
        forwards = []
        closingChannels = []
        session?.transport.abandon()
        session = nil
        wakeWaiters([])
    }

    /// Closes the channel of a shell that takes no more commands.
    func abandon(_ shell: ShellChannel) {
        if pool.remove(shell) { closeLater(shell.channel) }
    }

    /// Closes a channel on this side and frees it once the server has closed it too, or with the session.
    func closeLater(_ channel: OpaquePointer) {
        if loss == nil { closingChannels.append(channel) }
    }

    /// Returns whether something may move at once.
    private func service(_ session: Session, events: [pollfd]) -> Bool {
        let seen = session.transport.bytesReceived
        var isMoving = false
        for shell in pool.shells {
            isMoving = shell.pump() || isMoving
        }
        for forward in forwards {
            isMoving = forward.pump() || isMoving
        }
        if !isListening,
            events.contains(where: { $0.fd == session.transport.socket && $0.revents & Int16(POLLHUP | POLLERR) != 0 })
        {
            session.transport.fail(.closedByPeer)
        }
        for shell in pool.shells where shell.isIdle && shell.isEnded { abandon(shell) }
        closingChannels += forwards.filter(\.isDone).compactMap { $0.takeChannel() }
        forwards.removeAll(where: \.isDone)
        closingChannels.removeAll { libssh2_channel_free($0) != Session.again }
        session.transport.flush()
        // Whoever reads takes in what came for all: something may lie there for one that had its turn before.
        if session.transport.bytesReceived != seen { isMoving = true }
        // What arrived before the end is handed out first.
        if isEstablished, !isMoving, let failure = session.transport.failure { lose(failure) }
        return isMoving
    }

    private func watchClock() {
        let now = ContinuousClock.now
        for command in pool.inFlight where now >= command.deadline {
            command.end(command.isCancelled ? .cancelled : .timedOut)
        }
        guard isEstablished, let session else { return }
        if let asked = firstUnanswered, session.transport.lastReceived >= asked { firstUnanswered = nil }
        if isListening, let due = deathDue, now >= due {
            lose(.silent(now - session.transport.lastReceived))
        } else if now >= keepaliveDue(session) {
            var seconds: Int32 = 0
            libssh2_keepalive_send(session.pointer, &seconds)
            lastKeepalive = now
            firstUnanswered = firstUnanswered ?? now
        }
    }

    /// Counts from a question that had no answer: a process that was stopped for a while has itself been silent.
    private var deathDue: ContinuousClock.Instant? {
        let limits = destination.limits
        // A silent jump host shall be found silent itself, before those behind it.
        let grace = (limits.keepaliveInterval + .seconds(1)) * (through?.hops ?? 0)
        return firstUnanswered.map { $0 + (limits.silence - limits.keepaliveInterval) + grace }
    }

    private func keepaliveDue(_ session: Session) -> ContinuousClock.Instant {
        max(session.transport.lastReceived, lastKeepalive) + destination.limits.keepaliveInterval
    }

    /// Whether anything reads what the server sends; without a channel nothing does.
    private var isListening: Bool {
        pool.shells.contains { !$0.isEnded } || !forwards.isEmpty || !closingChannels.isEmpty || !waiters.isEmpty
    }

    private func wakeWaiters(_ events: [pollfd]) {
        let now = ContinuousClock.now
        let received = session?.transport.bytesReceived ?? 0
        let isReadable = session.map { session in events.contains { $0.fd == session.transport.socket } } ?? false
        let waiting = waiters
        waiters = []
        for waiter in waiting {
            let isReady =
                loss != nil || now >= waiter.deadline
                || (waiter.descriptor.map { wanted in events.contains { $0.fd == wanted.fd } }
                    ?? (isReadable || received != waiter.seen || session?.transport.failure != nil))
            if isReady {
                waiter.continuation.resume()
            } else {
                waiters.append(waiter)
            }
        }
    }

    private func request() -> EventLoop.Request {
        var request = EventLoop.Request()
        var deadlines = waiters.map(\.deadline)
        request.descriptors = waiters.compactMap(\.descriptor)
        if let session, session.transport.failure == nil {
            var events: Int32 = 0
            if isListening { events |= POLLIN }
            if !session.transport.outgoing.isEmpty { events |= POLLOUT }
            request.descriptors.append(pollfd(fd: session.transport.socket, events: Int16(events), revents: 0))
            if isEstablished {
                deadlines.append(keepaliveDue(session))
                if isListening, let deathDue { deadlines.append(deathDue) }
            }
        }
        deadlines += pool.inFlight.map(\.deadline)
        request.descriptors += forwards.flatMap(\.interest)
        request.deadline = deadlines.min()
        return request
    }
}
