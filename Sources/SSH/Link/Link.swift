import CLibSSH2
import ClientKit
import Glibc

/// One session to a host, with the channels in it; belongs to the actor whose ``EventLoop`` keeps it going.
final class Link {
    let session: Session
    let status: LinkStatus
    let loop: EventLoop
    let limits: SSHDestination.Limits
    /// Runs once authentication is done: from then on the server must answer keepalives.
    private(set) var heartbeat: Heartbeat?
    private var news: [(wait: Wait, seen: UInt64)] = []
    /// The channels in use, those that are about to be used included.
    var channels: Set<OpaquePointer> = []
    private(set) var shells: [ShellChannel] = []
    private var forwards: [ForwardPump] = []
    /// Channels that are closed on this side, until the server closes them too.
    private var closing: [OpaquePointer] = []
    /// The one channel that is being opened: libssh2 has one state for all.
    var opening: Opening?
    /// When authentication was done.
    private(set) var loginTime = ContinuousClock.now
    /// Since when the server has answered nothing; no channel is opened here until it sends something.
    var suspectSince: ContinuousClock.Instant?
    /// How long the server takes for an answer, as far as is known.
    let roundTrip: Duration

    var transport: Transport { session.transport }
    /// Why it is lost, if it is.
    var failure: LinkFailure? { status.failure }
    var isEstablished: Bool { heartbeat != nil }

    init(
        _ session: Session, status: LinkStatus, loop: EventLoop, limits: SSHDestination.Limits,
        roundTrip: Duration
    ) {
        self.session = session
        self.status = status
        self.loop = loop
        self.limits = limits
        self.roundTrip = roundTrip
    }

    /// Notes that authentication is done; those behind `hops` jump hosts wait a little longer for signs of life.
    func noteEstablished(hops: Int) {
        transport.forgetPreamble()
        loginTime = .now
        // A silent jump host must be found silent before the hosts behind it.
        let grace = (limits.keepaliveInterval + .seconds(1)) * hops
        heartbeat = Heartbeat(
            interval: max(limits.keepaliveInterval, .seconds(2)), silence: limits.silence.duration + grace, at: .now)
    }

    /// Repeats `operation`, a libssh2 call, until it has a result other than "try again".
    func complete(
        until deadline: Deadline, isolation: isolated any Actor, _ operation: (Session) -> Int32
    ) async throws(LinkFailure) -> Int32 {
        while true {
            if let failure { throw failure }
            let code = operation(session)
            transport.flush()
            if code != Session.again { return code }
            if let failure = transport.failure { throw status.blamed(failure) }
            if deadline.hasPassed { throw .timedOut(deadline.limit) }
            let wait = Wait()
            news.append((wait, transport.bytesReceived))
            let end = await loop.wait(wait, until: deadline.end, isolation: isolation)
            news.removeAll { $0.wait === wait }
            if end == .cancelled { throw failure ?? .cancelled }
        }
    }

    func add(_ shell: ShellChannel) { shells.append(shell) }

    func add(_ forward: ForwardPump) { forwards.append(forward) }

    /// Ends a forward at once; false where it is not one of this link.
    func end(_ forward: ObjectIdentifier) -> Bool {
        guard let pump = forwards.first(where: { ObjectIdentifier($0) == forward }) else { return false }
        pump.abandon()
        return true
    }

    /// Closes the channel of a shell that takes no more commands.
    func abandon(_ shell: ShellChannel) {
        guard shells.contains(where: { $0 === shell }) else { return }
        shells.removeAll { $0 === shell }
        closeLater(shell.channel)
    }

    /// Closes a channel on this side and frees it once the server has closed it too, or with the session.
    func closeLater(_ channel: OpaquePointer) {
        guard channels.remove(channel) != nil, failure == nil else { return }
        closing.append(channel)
    }

    /// Abandons the session: all who wait for something from it learn why.
    func lose(_ reason: LinkFailure) {
        guard failure == nil else { return }
        // Before any tunnel is closed, so that the sessions inside find the reason.
        status.lose(reason)
        for shell in shells { shell.lose(status.failure ?? reason) }
        for forward in forwards { forward.abandon() }
        (shells, forwards, closing, channels) = ([], [], [], [])
        transport.abandon()
        wakeWaiters()
    }

    /// Disconnects from the server, and abandons the session.
    func close() {
        if failure == nil, isEstablished {
            libssh2_session_disconnect_ex(session.pointer, SSH_DISCONNECT_BY_APPLICATION, "done", "")
            transport.flush()
        }
        lose(.closedHere)
    }
}

/// What happens between the actor's jobs.
extension Link {
    /// Moves everything that can move, checks the clock, and wakes the waiters.
    ///
    /// Returns whether something may move at once.
    func process(_ events: [pollfd]) -> Bool {
        guard failure == nil else { return false }
        let isReadable = events.contains { $0.fd == transport.socket }
        if isReadable { transport.noteEvent() }
        let hangUp = Int16(POLLHUP | POLLERR)
        if !isListening, events.contains(where: { $0.fd == transport.socket && $0.revents & hangUp != 0 }) {
            transport.fail(.closedByPeer)
        }
        let isMoving = isEstablished && move()
        watchClock()
        let received = transport.bytesReceived
        if isReadable || transport.failure != nil || news.contains(where: { $0.seen != received }) { wakeWaiters() }
        transport.flush()
        return isMoving
    }

    /// Adds what it waits for.
    func addInterest(to request: inout EventLoop.Request) {
        guard failure == nil, transport.failure == nil else { return }
        var events: Int32 = 0
        if isListening { events |= POLLIN }
        if !transport.outgoing.isEmpty { events |= POLLOUT }
        request.descriptors.append(pollfd(fd: transport.socket, events: Int16(events), revents: 0))
        request.descriptors += forwards.flatMap(\.interest)
        let ends = shells.filter { !$0.isEnded }.compactMap(\.endDue)
        for next in ends + [heartbeat?.next(isListening: isListening && !isStarting)].compactMap(\.self) {
            request.deadline = min(request.deadline ?? next, next)
        }
    }

    private func move() -> Bool {
        let seen = transport.bytesReceived
        var isMoving = false
        for shell in shells { isMoving = shell.pump() || isMoving }
        for forward in forwards { isMoving = forward.pump() || isMoving }
        if opening?.isAbandoned == true { finishAbandonedOpening() }
        for forward in forwards where forward.isDone {
            if let channel = forward.takeChannel() { closeLater(channel) }
        }
        forwards.removeAll(where: \.isDone)
        closing.removeAll { libssh2_channel_free($0) != Session.again }
        transport.flush()
        // Any read takes in what came for all: there may be something for a channel that had its turn before.
        if transport.bytesReceived != seen { isMoving = true }
        // What arrived before the end is delivered first.
        if !isMoving, let failure = transport.failure { lose(failure) }
        return isMoving
    }

    private func watchClock() {
        guard failure == nil, var heartbeat else { return }
        let now = ContinuousClock.now
        heartbeat.noteReceived(at: transport.lastReceived)
        if let since = suspectSince, transport.lastReceived > since { suspectSince = nil }
        switch heartbeat.action(at: now, isListening: isListening && !isStarting) {
        case .wait: self.heartbeat = heartbeat
        case .ask:
            self.heartbeat = heartbeat
            askForSignOfLife()
        case .giveUp(let duration): lose(.silent(limits.silence.counted(as: duration)))
        }
    }

    func askForSignOfLife() {
        session.sendKeepalive()
        heartbeat?.noteAsked(at: .now)
    }

    /// Whether anything reads what the server sends; without a channel nothing does.
    private var isListening: Bool {
        shells.contains { !$0.isEnded } || !forwards.isEmpty || !closing.isEmpty || !news.isEmpty || opening != nil
    }

    private func wakeWaiters() {
        let waiting = news
        // The waiters check again before anything else is waited for.
        news = []
        for waiter in waiting { waiter.wait.end() }
    }
}
