import ClientKit

/// The sessions to one host; belongs to the actor whose ``EventLoop`` keeps them going.
///
/// One is enough while the server answers what it is asked. libssh2 opens one channel of a session at a
/// time: where that gets no answer, others are opened in a further session, which is closed when
/// nothing is left in it.
final class LinkGroup {
    /// A caller that waits for a session to open a channel in.
    private final class Claim {
        let wait = Wait()
        var failure: SSHError?
    }

    /// A session is called slow, and another is opened, when a channel has been without an answer for this long,
    /// or for a few times what the server usually takes.
    private static let slowness = Duration.milliseconds(250)
    /// How many sessions may be opened at once: sshd drops connections above 10 that are not logged in.
    private static let mostLogins = 4
    private static let day = Duration.seconds(86_400)

    let destination: SSHDestination
    let through: JumpHost?
    let loop: EventLoop
    let passphrase: @Sendable (String) async -> Secret?
    /// Whether a session is opened in the place of one that was lost.
    private let replacesLost: Bool
    /// The first session, to which a host's first remote shell belongs.
    private(set) var primary: Link?
    /// All sessions, those that are being opened included.
    private(set) var links: [Link] = []
    private var claims: [Claim] = []
    private var logins = 0
    /// Why trying again is pointless.
    private var refusal: SSHError?
    private(set) var isClosed = false
    var credential: Credential? {
        didSet { keyFingerprint = credential?.fingerprint }
    }
    /// That of the credential, which every command is recorded with.
    private(set) var keyFingerprint: String?
    /// The fingerprint of the host key that was verified last.
    var hostKeyFingerprint = ""

    init(
        to destination: SSHDestination, through: JumpHost?, loop: EventLoop, replacesLost: Bool,
        passphrase: @escaping @Sendable (String) async -> Secret?
    ) {
        self.destination = destination
        self.through = through
        self.loop = loop
        self.replacesLost = replacesLost
        self.passphrase = passphrase
    }

    /// Opens the first session; the deadline is what is left for a remote shell in it.
    func openPrimary(
        taking place: LoginWindow.Place?, isolation: isolated any Actor
    ) async throws(SSHError) -> Deadline {
        let (link, deadline) = try await logIn(taking: place, isolation: isolation)
        primary = link
        return deadline
    }

    /// A session in which it is the caller's turn to open a channel, at once.
    func claim(
        to attempt: String, until deadline: Deadline, isolation: isolated any Actor
    ) async throws(SSHError) -> Link {
        var deadline = deadline
        var failure: SSHError?
        while true {
            try requireOpen(to: attempt)
            if let link = links.first(where: \.canOpen) {
                link.reserve()
                return link
            }
            if mayLogIn, failure == nil {
                do {
                    let (link, _) = try await logIn(isolation: isolation)
                    if link.canOpen {
                        link.reserve()
                        return link
                    }
                } catch {
                    // A session that is slow may still answer.
                    guard !established.isEmpty, !isClosed, !Task.isCancelled else { throw error }
                    failure = error
                }
                continue
            }
            // A login has a limit of its own, and before it somebody may have to type a passphrase.
            let isForLogin = established.isEmpty
            if !isForLogin, deadline.hasPassed {
                throw failure ?? destination.linkError(.timedOut(deadline.limit), in: .channel, attempt: attempt)
            }
            let next = failure == nil && logins < Self.mostLogins ? nextLogin : nil
            let claim = Claim()
            claims.append(claim)
            let began = ContinuousClock.now
            _ = await loop.wait(
                claim.wait, until: isForLogin ? .now + Self.day : min(deadline.end, next ?? deadline.end),
                isolation: isolation)
            claims.removeAll { $0 === claim }
            if let failure = claim.failure { throw failure }
            if isForLogin { deadline = deadline.postponed(by: .now - began) }
        }
    }

    private func requireOpen(to attempt: String) throws(SSHError) {
        if Task.isCancelled { throw destination.linkError(.cancelled, in: .channel, attempt: attempt) }
        if isClosed { throw destination.linkError(.closedHere, in: .channel, attempt: attempt) }
        if let refusal { throw refusal }
        if !replacesLost, let loss = primary?.failure {
            throw destination.linkError(loss, in: .channel, attempt: attempt)
        }
    }

    /// Tells the waiters that a channel may be opened, or that they should check again.
    func noteChange() {
        let waiting = claims
        claims = []
        for claim in waiting { claim.wait.end() }
    }

    /// Adds a session that is being opened.
    func add(_ link: Link) { links.append(link) }

    /// Forgets a session, and disconnects it.
    func drop(_ link: Link) {
        link.close()
        links.removeAll { $0 === link }
    }

    /// Closes sessions that are no longer used, forgets lost ones, and tells the waiters.
    ///
    /// Besides the first, one session is kept in which a channel can be opened.
    func tidy() {
        let count = links.count
        let isSpare = { (link: Link) in
            link !== self.primary && link.channels.isEmpty
                && (link.opening == nil || link.opening?.isAbandoned == true)
        }
        let kept = established.first { $0.canOpen && !isSpare($0) } ?? established.first(where: \.canOpen)
        for link in established where isSpare(link) && link !== kept { drop(link) }
        links.removeAll { $0.failure != nil && $0.isEstablished }
        if links.count != count || links.contains(where: \.canOpen) { noteChange() }
    }

    /// Closes all sessions for good.
    func close() {
        isClosed = true
        for link in links { link.close() }
        links = []
        noteChange()
    }

    private var established: [Link] { links.filter { $0.isEstablished && $0.failure == nil } }

    /// Whether another session is needed, and may be opened now.
    private var mayLogIn: Bool {
        if established.isEmpty { return logins == 0 }
        return logins < Self.mostLogins && (nextLogin.map { $0 <= .now } ?? false)
    }

    /// When all sessions will have been slow.
    private var nextLogin: ContinuousClock.Instant? {
        established.map { link in
            guard link.suspectSince == nil, let opening = link.opening, !opening.isAbandoned else { return .now }
            return opening.since + max(Self.slowness, link.roundTrip * 4)
        }.max()
    }

    private func logIn(
        taking place: LoginWindow.Place? = nil, isolation: isolated any Actor
    ) async throws(SSHError) -> (Link, Deadline) {
        logins += 1
        do {
            let result = try await establish(taking: place, isolation: isolation)
            logins -= 1
            noteChange()
            return result
        } catch {
            logins -= 1
            if error.kind == .refused || error.kind == .badInput { refusal = error }
            // Those that wait for this login need not try the same.
            if established.isEmpty, !isClosed, !Task.isCancelled {
                for claim in claims { claim.failure = error }
            }
            noteChange()
            throw error
        }
    }
}
