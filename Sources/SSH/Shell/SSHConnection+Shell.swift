import CLibSSH2
import ClientKit

/// Handing out the remote shells, and starting them: the first at the beginning, others when they are needed.
extension SSHConnection {
    /// Waits until `claim` has a shell for `command`.
    func takeShell(for command: RemoteCommand, claim: ShellPool.Claim) async throws(SSHError) -> ShellChannel {
        let nonce = claim.nonce
        if loss == nil, !Task.isCancelled {
            pool.enqueue(claim)
            handOutShells()
            await withTaskCancellationHandler {
                await claim.wait(isolation: self)
            } onCancel: {
                Task { await self.cancel(nonce) }
            }
        }
        if let refusal = claim.refusal { throw refusal }
        if let loss, !Task.isCancelled {
            throw notSent(command, because: loss.explanation, remedy: "connect again", kind: .unreachable)
        }
        guard let shell = claim.shell, !Task.isCancelled else {
            throw notSent(command, because: "the task was cancelled", remedy: "run it again", kind: .failed)
        }
        return shell
    }

    /// Takes back what `claim` has, if anything.
    func returnShell(of claim: ShellPool.Claim) {
        if let shell = claim.shell, shell.isEnded { abandon(shell) }
        pool.release(claim)
        handOutShells()
    }

    private func handOutShells() {
        guard loss == nil, pool.handOut() else { return }
        Task {
            do throws(SSHError) {
                try await openShell(until: .now + destination.limits.connect)
                pool.openingEnded(nil)
            } catch {
                pool.openingEnded(error)
            }
            handOutShells()
        }
    }

    /// Opens a channel and waits until the loop on it has announced itself.
    func openShell(until deadline: ContinuousClock.Instant) async throws(SSHError) {
        let token = Self.freshNonce()
        let attempt = "start the remote shell"
        let preamble: [UInt8]
        do {
            preamble = try RemoteScript.preamble(token: token, lockFile: destination.lockFile)
        } catch {
            throw destination.failure(
                .channel, attempt, cause: "the path of the lock file contains a NUL byte", remedy: "correct it",
                kind: .badInput)
        }
        let channel: OpaquePointer
        do throws(LinkFailure) {
            channel = try await openSessionChannel(until: deadline).get()
        } catch {
            throw channelError(error, attempt: attempt)
        }
        let loop = RemoteScript.loop(token: token)
        let shell: ShellChannel
        do throws(LinkFailure) {
            let code = try await complete(until: deadline) { _ in
                libssh2_channel_process_startup(channel, "exec", 4, loop, UInt32(loop.utf8.count))
            }
            guard code == 0, let session else { throw session?.failure(code) ?? loss ?? .closedHere }
            shell = ShellChannel(channel: channel, session: session, token: token, preamble: preamble)
            pool.append(shell)
        } catch {
            closeLater(channel)
            throw linkError(.channel, attempt: attempt, failure: error)
        }
        try await awaitLoop(on: shell, attempt: attempt, until: deadline)
        shell.isIdle = true
    }

    /// Opens a channel for a shell; what the server granted before is asked for again when it refuses.
    ///
    /// sshd counts a session until it has both seen the channel closed and the process ended.
    private func openSessionChannel(
        until deadline: ContinuousClock.Instant
    ) async -> Result<OpaquePointer, LinkFailure> {
        var pause = Duration.milliseconds(10)
        while true {
            let result = await openChannel(until: deadline) {
                libssh2_channel_open_ex($0.pointer, "session", 7, 2 << 20, 32 << 10, nil, 0)
            }
            let next = ContinuousClock.now + pause
            guard case .failure(.library) = result, pool.isShort, loss == nil, next < deadline else { return result }
            while .now < next, loss == nil { await wait(until: next) }
            pause *= 2
        }
    }

    /// Opens a channel.
    ///
    /// Two openings at once would confuse libssh2, which keeps one state for all.
    func openChannel(
        until deadline: ContinuousClock.Instant, _ open: @escaping (Session) -> OpaquePointer?
    ) async -> Result<OpaquePointer, LinkFailure> {
        await channelLock.acquire(isolation: self)
        let result = await channelResult(until: deadline, open)
        if case .failure(.timedOut) = result {
            // libssh2 must come to an end with this one before it can open another; the session itself is sound.
            Task { await finishOpening(open) }
        } else {
            channelLock.release()
        }
        return result
    }

    /// An error about a channel that was not opened.
    func channelError(_ failure: LinkFailure, attempt: String) -> SSHError {
        guard case .library = failure else { return linkError(.channel, attempt: attempt, failure: failure) }
        return destination.failure(
            .channel, attempt, cause: failure.explanation,
            remedy: "check whether the far end accepts connections, and sshd's log there, and MaxSessions, "
                + "AllowTcpForwarding and PermitOpen in its sshd_config", kind: .failed)
    }

    private func channelResult(
        until deadline: ContinuousClock.Instant, _ open: (Session) -> OpaquePointer?
    ) async -> Result<OpaquePointer, LinkFailure> {
        var channel: OpaquePointer?
        do throws(LinkFailure) {
            let code = try await complete(until: deadline) { session in
                channel = open(session)
                return channel == nil ? libssh2_session_last_errno(session.pointer) : 0
            }
            return channel.map(Result.success) ?? .failure(session?.failure(code) ?? loss ?? .closedHere)
        } catch {
            return .failure(error)
        }
    }

    private func finishOpening(_ open: @escaping (Session) -> OpaquePointer?) async {
        defer { channelLock.release() }
        // Whatever sshd tries to reach, its kernel gives up sooner.
        if case .success(let channel) = await channelResult(until: .now + .seconds(600), open) {
            closeLater(channel)
        }
    }

    private func awaitLoop(
        on shell: ShellChannel, attempt: String, until deadline: ContinuousClock.Instant
    ) async throws(SSHError) {
        var noise: [UInt8] = []
        let inFlight = InFlightCommand(sending: [], nonce: shell.token, outputLimit: 0, deadline: deadline) {
            bytes, _ in
            if noise.count < 400 { noise += bytes.prefix(400) }
        }
        shell.inFlight = inFlight
        let end = await inFlight.result(isolation: self)
        shell.inFlight = nil
        let cause: String
        switch end {
        case .trailer: return
        case .linkLost(let loss): throw linkError(.channel, attempt: attempt, failure: loss)
        case .timedOut, .cancelled: cause = "it did not announce itself in time"
        case .shellEnded(let reason): cause = reason
        }
        abandon(shell)
        let said = String(decoding: noise.prefix(400), as: UTF8.self).split(whereSeparator: \.isNewline).joined(
            separator: "; ")
        throw destination.failure(
            .channel, attempt, cause: cause + (said.isEmpty ? "" : "; it said: \(said)"),
            remedy: "check whether \(destination.user) may log in there and has a working shell", kind: .failed)
    }
}
