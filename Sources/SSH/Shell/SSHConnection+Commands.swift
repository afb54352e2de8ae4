import ClientKit

extension SSHConnection {
    /// Runs `command` in a shell that it has for itself, and returns its result, whatever its exit status.
    ///
    /// Where all are in use it waits, or another is opened, up to ``SSHDestination/Limits/shells`` or what the server grants.
    public func run(_ command: RemoteCommand) async throws(SSHError) -> CommandResult {
        let claim = ShellPool.Claim(isExclusive: command.isExclusive)
        defer { returnShell(of: claim) }
        let shell = try await takeShell(for: command, claim: claim)
        let nonce = Self.freshNonce()
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
        let began = ContinuousClock.now
        while true {
            let (inFlight, end) = await send(command, line, nonce: nonce, on: shell, as: activity)
            if end.isBusy, began + destination.limits.lock.duration > .now, !Task.isCancelled {
                try await askToWait(for: inFlight, of: command, activity: activity, since: began)
            } else {
                return try await conclude(command, activity: activity, inFlight: inFlight, end: end, since: began)
            }
        }
    }

    /// Sends `command` once, and waits for its end, or until the host's lock has been held by another for a moment.
    ///
    /// A command that waits there longer could begin when the run that sent it has ended, or was stopped, and another
    /// has the module.
    private func send(
        _ command: RemoteCommand, _ line: RemoteScript.Line, nonce: String, on shell: ShellChannel,
        as activity: Activity
    ) async -> (InFlightCommand?, InFlightCommand.End) {
        // While the observer was asked, other things may have happened.
        if let loss = loss ?? shell.loss { return (nil, .linkLost(loss)) }
        if shell.isEnded { return (nil, .shellEnded("the remote shell ended before the command was sent")) }
        let input = command.standardInput
        let fence = observer.fence
        var end: Int?
        if command.effect == .change, let fence, let uptime = clocks.end(of: fence, at: hostName) {
            end = Int(uptime.rounded(.down))
        }
        var parts = [line.bytes(of: fence, before: end)]
        if line.needsFunctions, let functions = shell.takeFunctions() { parts.insert(functions, at: 0) }
        if !input.isEmpty { parts += [input, RemoteScript.endOfInput(token: shell.token)] }
        let started = InFlightCommand(
            sending: parts, nonce: nonce, outputLimit: command.outputLimit
        ) { [observer] bytes, stream in
            observer.didReceive(bytes, from: stream, of: activity)
        }
        let wait = command.isExclusive ? Self.lockPatience : .zero
        let deadline = Deadline(in: limit(of: command)).postponed(by: wait)
        let ended = await result(of: started, on: shell, until: deadline)
        if let uptime = started.errors.payload { clocks.note(uptime, of: hostName) }
        return (started, ended)
    }

    /// How long a command waits on the host for its lock before this side is asked whether it may still begin.
    private static let lockPatience = Duration.seconds(1)

    /// Tells the observer what `inFlight` waits for; throws where it may begin no more.
    private func askToWait(
        for inFlight: InFlightCommand?, of command: RemoteCommand, activity: Activity,
        since began: ContinuousClock.Instant
    ) async throws(SSHError) {
        let holders = LockHolders(inFlight?.errors.kept ?? [])
        do {
            try await observer.willWait(
                activity,
                for: Obstruction(
                    id: holders.id, words: holders.words.isEmpty ? "a process that cannot be seen" : holders.words,
                    limit: destination.limits.lock))
        } catch {
            let refusal = refusedByObserver(command, error: error)
            try await recordEnd(of: command, activity, .refused(code: "lock busy"), duration: .now - began)
            throw refusal
        }
    }

    private func line(
        for command: RemoteCommand, on shell: ShellChannel, nonce: String
    ) throws(SSHError) -> RemoteScript.Line {
        do {
            return try RemoteScript.line(
                for: command.marked(by: observer.author), token: shell.token, nonce: nonce,
                lockWait: Self.lockPatience)
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
