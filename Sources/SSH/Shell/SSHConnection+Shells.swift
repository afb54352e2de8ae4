import CLibSSH2
import ClientKit

/// Handing out the remote shells, and starting them: the first at the beginning, others when they are needed.
extension SSHConnection {
    /// Waits until `claim` has a shell for `command`.
    func takeShell(
        for command: RemoteCommand, claim: ShellPool.Claim
    ) async throws(SSHError) -> ShellChannel {
        if loss == nil, !Task.isCancelled {
            pool.enqueue(claim)
            handOutShells()
            await claim.wait(on: loop, isolation: self)
            pool.withdraw(claim)
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
            let isGranted = pool.isShort
            do throws(SSHError) {
                try await openShell(until: Deadline(in: destination.limits.connect))
                pool.noteOpening(.opened)
            } catch {
                pool.noteOpening(isGranted ? .failed(error) : .refused(error))
            }
            handOutShells()
        }
    }

    /// Opens a channel and waits until the loop on it has announced itself.
    func openShell(until deadline: Deadline) async throws(SSHError) {
        let token = Self.freshNonce()
        let attempt = "start the remote shell"
        let functions: [UInt8]
        do {
            functions = try RemoteScript.functions(token: token, lockFile: destination.lock)
        } catch {
            throw destination.failure(
                .channel, attempt: attempt, cause: "the path of the lock file contains a NUL byte",
                remedy: "correct it", kind: .badInput)
        }
        let (link, channel) = try await openSessionChannel(to: attempt, until: deadline)
        let loop = RemoteScript.loop(token: token, usesSudo: destination.usesSudo)
        do throws(LinkFailure) {
            let code = try await link.complete(until: deadline, isolation: self) { _ in
                libssh2_channel_process_startup(channel, "exec", 4, loop, UInt32(loop.utf8.count))
            }
            guard code == 0 else { throw link.session.failure(code) }
        } catch {
            link.closeLater(channel)
            if case .library(LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED, _) = error {
                throw destination.refusedCommandError(attempt: attempt)
            }
            throw destination.linkError(error, in: .channel, attempt: attempt)
        }
        let shell = ShellChannel(channel: channel, link: link, token: token, functions: functions)
        link.add(shell)
        pool.append(shell)
        try await awaitLoop(on: shell, attempt: attempt, until: deadline)
        shell.isIdle = true
    }

    /// Opens a channel for a shell; what the server granted before is asked for again when it refuses.
    ///
    /// sshd counts a session until it has both seen the channel closed and the process ended.
    private func openSessionChannel(
        to attempt: String, until deadline: Deadline
    ) async throws(SSHError) -> (Link, OpaquePointer) {
        var pause = Duration.milliseconds(10)
        while true {
            let link = try await links.claim(to: attempt, until: deadline, isolation: self)
            do {
                return (link, try await link.openChannel(to: .shell, until: deadline, isolation: self))
            } catch {
                let next = ContinuousClock.now + pause
                guard case .refused = error, pool.isShort, loss == nil, next < deadline.end else {
                    throw destination.shellError(error, attempt: attempt)
                }
                pause *= 2
                _ = await loop.wait(until: next, isolation: self)
            }
        }
    }

    private func awaitLoop(
        on shell: ShellChannel, attempt: String, until deadline: Deadline
    ) async throws(SSHError) {
        var noise: [UInt8] = []
        let announcement = InFlightCommand(sending: [], nonce: shell.token, outputLimit: 0) { bytes, _ in
            if noise.count < 400 { noise += bytes.prefix(400) }
        }
        var (cause, isLate) = ("", false)
        switch await result(of: announcement, on: shell, until: deadline) {
        case .trailer(let uptime):
            clocks.note(uptime, of: hostName)
            return
        case .linkLost(let loss): throw destination.linkError(loss, in: .channel, attempt: attempt)
        case .timedOut: (cause, isLate) = ("it was not ready within \(deadline.limit.inWords)", true)
        case .cancelled: throw destination.linkError(.cancelled, in: .channel, attempt: attempt)
        case .shellEnded(let reason): cause = reason
        }
        abandon(shell)
        let said = String(decoding: noise.prefix(400), as: UTF8.self).split(whereSeparator: \.isNewline).joined(
            separator: "; ")
        throw destination.shellStartError(
            cause + (said.isEmpty ? "" : "; it said: \(said)"), attempt: attempt, isLate: isLate)
    }
}
