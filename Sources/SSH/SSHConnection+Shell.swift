import CLibSSH2
import ClientKit

/// Starting the remote shell, at the beginning and after it was given up.
extension SSHConnection {
    /// The remote shell, a new one if the last one ended.
    func readyShell(for command: RemoteCommand) async throws(SSHError) -> ShellChannel {
        if let loss { throw notSent(command, loss.explanation, "connect again.", .unreachable) }
        if let shell, !shell.isEnded { return shell }
        try await openShell(until: .now + destination.limits.connect)
        guard let shell else { throw notSent(command, (loss ?? .closedHere).explanation, "connect again.", .unreachable) }
        return shell
    }

    /// Opens a channel and waits until the loop on it has announced itself.
    func openShell(until deadline: ContinuousClock.Instant) async throws(SSHError) {
        abandonShell()
        let token = Self.freshNonce()
        let attempt = "start the remote shell"
        let preamble: [UInt8]
        do {
            preamble = try RemoteScript.preamble(token: token, lockFile: destination.lockFile)
        } catch {
            throw destination.failure(
                .channel, attempt, cause: "the path of the lock file contains a NUL byte", remedy: "correct it.", kind: .badInput)
        }
        let channel = try await openChannel(attempt, until: deadline) {
            libssh2_channel_open_ex($0.pointer, "session", 7, 2 << 20, 32 << 10, nil, 0)
        }
        let loop = RemoteScript.loop(token: token)
        do throws(LinkFailure) {
            let code = try await complete(until: deadline) { _ in
                libssh2_channel_process_startup(channel, "exec", 4, loop, UInt32(loop.utf8.count))
            }
            guard code == 0, let session else { throw session?.failure(code) ?? loss ?? .closedHere }
            shell = ShellChannel(channel: channel, session: session, token: token, preamble: preamble)
        } catch {
            giveUp(error)
            throw linkError(.channel, attempt, error)
        }
        try await awaitLoop(attempt, until: deadline)
    }

    /// Opens a channel. Two openings at once would confuse libssh2, which keeps one state for all.
    func openChannel(
        _ attempt: String, until deadline: ContinuousClock.Instant, _ open: (Session) -> OpaquePointer?
    ) async throws(SSHError) -> OpaquePointer {
        await channelGate.enter()
        defer { channelGate.leave() }
        var channel: OpaquePointer?
        let code: Int32
        do {
            code = try await complete(until: deadline) { session in
                channel = open(session)
                return channel == nil ? libssh2_session_last_errno(session.pointer) : 0
            }
        } catch {
            giveUp(error)
            throw linkError(.channel, attempt, error)
        }
        if let channel { return channel }
        throw destination.failure(
            .channel, attempt, cause: session?.failure(code).explanation ?? "no channel",
            remedy: "look at sshd's log there, and at MaxSessions, AllowTcpForwarding and PermitOpen in its sshd_config.",
            kind: .failed)
    }

    /// After a deadline in the middle of a libssh2 operation, the session cannot be used for another one.
    private func giveUp(_ failure: LinkFailure) {
        lose(failure)
    }

    private func awaitLoop(_ attempt: String, until deadline: ContinuousClock.Instant) async throws(SSHError) {
        guard let shell else { return }
        var noise: [UInt8] = []
        let exchange = Exchange(sending: [], nonce: shell.token, outputLimit: 0, deadline: deadline) { bytes, _ in
            if noise.count < 400 { noise += bytes.prefix(400) }
        }
        shell.exchange = exchange
        let end = await exchange.result()
        shell.exchange = nil
        let cause: String
        switch end {
        case .trailer: return
        case .linkLost(let loss): throw linkError(.channel, attempt, loss)
        case .timedOut, .cancelled: cause = "it did not announce itself in time"
        case .shellEnded(let reason): cause = reason
        }
        abandonShell()
        let said = String(decoding: noise.prefix(400), as: UTF8.self).split(whereSeparator: \.isNewline).joined(separator: "; ")
        throw destination.failure(
            .channel, attempt, cause: cause + (said.isEmpty ? "" : "; it said: \(said)"),
            remedy: "look whether \(destination.user) may log in there and has a working shell.", kind: .failed)
    }
}
