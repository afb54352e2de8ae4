import ClientKit

extension SSHConnection {
    /// Runs `command` in a shell that it has for itself, and returns its result, whatever its exit status.
    ///
    /// Where all are in use it waits, or another is opened, up to ``SSHDestination/Limits/shells`` or what the server grants.
    public func run(_ command: RemoteCommand) async throws(SSHError) -> CommandResult {
        let nonce = Self.freshNonce()
        let claim = ShellPool.Claim(isExclusive: command.isExclusive)
        defer { returnShell(of: claim) }
        let shell = try await takeShell(for: command, claim: claim)
        let line = try line(for: command, on: shell, nonce: nonce)
        let input = command.standardInput
        let activity = Activity(
            channel: .ssh, host: hostName, hostKeyFingerprint: hostKeyFingerprint,
            as: .init(user: destination.user, keyFingerprint: links.keyFingerprint), for: command.purpose,
            command: command.arguments,
            standardInput: input.isEmpty ? nil : observer.inputDigester?.digest(ofInput: input),
            effect: command.effect, outputIsSecret: command.outputIsSecret)
        do {
            try await observer.willBegin(activity)
        } catch {
            throw refusedByObserver(command, error: error)
        }
        var inFlight: InFlightCommand?
        let end: InFlightCommand.End
        // While the observer was asked, other things may have happened.
        if let loss = loss ?? shell.loss {
            end = .linkLost(loss)
        } else if shell.isEnded {
            end = .shellEnded("the remote shell ended before the command was sent")
        } else {
            var parts = [line.bytes]
            if line.needsFunctions, let functions = shell.takeFunctions() { parts.insert(functions, at: 0) }
            if !input.isEmpty { parts += [input, RemoteScript.endOfInput(token: shell.token)] }
            let started = InFlightCommand(
                sending: parts, nonce: nonce, outputLimit: command.outputLimit
            ) { [observer] bytes, stream in
                observer.didReceive(bytes, from: stream, of: activity)
            }
            inFlight = started
            let wait = command.isExclusive ? destination.limits.lock : .zero
            end = await result(of: started, on: shell, until: Deadline(in: command.timeout).postponed(by: wait))
        }
        return try await conclude(command, activity: activity, inFlight: inFlight, end: end)
    }

    private func line(
        for command: RemoteCommand, on shell: ShellChannel, nonce: String
    ) throws(SSHError) -> RemoteScript.Line {
        do {
            return try RemoteScript.line(
                for: command, token: shell.token, nonce: nonce, lockWait: destination.limits.lock)
        } catch {
            let cause =
                switch error {
                case .noProgram: "the command names no program"
                case .nulByte: "an argument or a variable contains a NUL byte, which cannot be passed to a program"
                case .variableName(let name): "\(name) is not a valid name of an environment variable"
                }
            throw notSent(command, because: cause, remedy: "correct the command", kind: .failed)
        }
    }

    /// Waits for the end of what runs on `shell`; a command whose task is cancelled has a little time to end by itself.
    func result(
        of command: InFlightCommand, on shell: ShellChannel, until deadline: Deadline
    ) async -> InFlightCommand.End {
        shell.inFlight = command
        defer { shell.inFlight = nil }
        let end = await command.result(
            on: loop, until: deadline, grace: destination.limits.cancellation, isolation: self)
        switch end {
        // What it would read next is the input that it could not pass to the command.
        case .trailer(RemoteScript.noInput): abandon(shell)
        case .timedOut, .cancelled: abandon(shell)
        case .shellEnded, .trailer, .linkLost: break
        }
        return end
    }
}
