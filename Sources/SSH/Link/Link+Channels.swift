import CLibSSH2
import ClientKit
import Glibc

/// Opening channels, one at a time.
extension Link {
    /// What a channel leads to.
    enum Target {
        case shell
        /// A host and port as the server sees them.
        case tcp(host: String, port: UInt16)
    }

    /// A channel that is being opened, or is about to be.
    struct Opening {
        let since = ContinuousClock.now
        /// Set when the server has been asked.
        var target: Target?
        /// Whether its caller has stopped waiting.
        var isAbandoned = false
    }

    /// Where a keepalive has had no answer for this long, no further channels are opened in the session.
    private var suspicion: Duration { min(.seconds(5), (heartbeat?.silence ?? .seconds(10)) / 2) }

    /// Whether its first channel is being opened, and the server has sent nothing since the login.
    ///
    /// After a login sshd runs PAM's session modules and starts the user's process: on a host whose processors are
    /// all taken, or whose logind hangs, that takes many seconds, in which it answers nothing.
    var isStarting: Bool { opening?.isAbandoned == false && transport.lastReceived <= loginTime }

    /// Whether a channel may be opened now.
    var canOpen: Bool { isEstablished && failure == nil && opening == nil && suspectSince == nil }

    /// Takes the turn to open a channel; ``openChannel(to:until:isolation:)`` must follow at once.
    func reserve() { opening = Opening() }

    /// Opens a channel, which the caller must close; it must have taken its turn with ``reserve()``.
    ///
    /// Throws ``LinkFailure/silent(_:)`` where the session itself seems to be dead, before that is certain.
    func openChannel(
        to target: Target, until deadline: Deadline, isolation: isolated any Actor
    ) async throws(LinkFailure) -> OpaquePointer {
        var channel: OpaquePointer?
        do throws(LinkFailure) {
            let code = try await answer(until: deadline, isolation: isolation) { session in
                self.opening?.target = target
                channel = Self.open(target, in: session)
                return channel == nil ? libssh2_session_last_errno(session.pointer) : 0
            }
            opening = nil
            guard let channel else { throw status.blamed(session.failure(code)) }
            channels.insert(channel)
            return channel
        } catch {
            giveUpOpening()
            throw error
        }
    }

    /// The result of `operation`; a session that does not even answer a keepalive meanwhile becomes suspect, unless it is
    /// one that ``isStarting``.
    private func answer(
        until deadline: Deadline, isolation: isolated any Actor, _ operation: (Session) -> Int32
    ) async throws(LinkFailure) -> Int32 {
        let asked = ContinuousClock.now
        var isAsked = false
        while case let part = Deadline(in: TimeLimit(suspicion / 2)), part.end < deadline.end {
            do {
                return try await complete(until: part, isolation: isolation, operation)
            } catch .timedOut {
                if transport.lastReceived > asked { break }
                if isAsked, !isStarting {
                    suspectSince = asked
                    throw .silent(TimeLimit(suspicion))
                }
                if !isAsked { askForSignOfLife() }
                isAsked = true
            }
        }
        do {
            return try await complete(until: deadline, isolation: isolation, operation)
        } catch .timedOut where isStarting {
            throw .notStarted(deadline.limit)
        }
    }

    private func giveUpOpening() {
        guard opening?.target != nil, failure == nil else {
            opening = nil
            return
        }
        // libssh2 must finish this one before it can open another; the session itself works.
        opening?.isAbandoned = true
    }

    /// Continues an opening whose caller has stopped waiting.
    func finishAbandonedOpening() {
        guard let target = opening?.target else { return }
        let channel = Self.open(target, in: session)
        if channel == nil, libssh2_session_last_errno(session.pointer) == Session.again { return }
        opening = nil
        guard let channel else { return }
        channels.insert(channel)
        closeLater(channel)
    }

    private static func open(_ target: Target, in session: Session) -> OpaquePointer? {
        switch target {
        case .shell:
            libssh2_channel_open_ex(session.pointer, "session", 7, 2 << 20, 32 << 10, nil, 0)
        case .tcp(let host, let port):
            libssh2_channel_direct_tcpip_ex(session.pointer, host, Int32(port), "127.0.0.1", 0)
        }
    }
}
