import ClientKit

/// What a command's end means, for its caller and for the observer.
extension SSHConnection {
    func conclude(
        _ command: RemoteCommand, activity: Activity, inFlight: InFlightCommand?, end: InFlightCommand.End,
        since began: ContinuousClock.Instant
    ) async throws(SSHError) -> CommandResult {
        let duration = inFlight.map { _ in .now - began } ?? .zero
        let status: ActivityOutcome.Status
        let outcome: Result<CommandResult, SSHError>
        switch end {
        case .trailer(let payload):
            (status, outcome) = judge(payload, of: command, inFlight: inFlight, duration: duration)
        case .shellEnded, .timedOut, .cancelled, .linkLost:
            let cause = reason(for: end, of: command)
            status = .unknown(inFlight == nil ? "nothing was sent: \(cause)" : cause)
            outcome = .failure(
                inFlight == nil
                    ? notSent(command, because: cause, remedy: "connect again", kind: .unreachable)
                    : unknown(command, because: cause, end: end))
        }
        try await recordEnd(of: command, activity, status, duration: duration)
        return try outcome.get()
    }

    /// Tells the observer how a command ended.
    func recordEnd(
        of command: RemoteCommand, _ activity: Activity, _ status: ActivityOutcome.Status, duration: Duration
    ) async throws(SSHError) {
        do {
            try await observer.didEnd(activity, ActivityOutcome(status: status, duration: duration))
        } catch {
            throw destination.failure(
                .command, attempt: "record the end of \(command.summary)", cause: "\(error)",
                remedy: (error as? any ExplainedError)?.remedy ?? "make the record writable, then resume",
                kind: (error as? any ExplainedError)?.kind ?? .stateNotWritable)
        }
    }

    /// An error of a command of which the host has seen nothing.
    func notSent(
        _ command: RemoteCommand, because cause: String, remedy: String, kind: FailureKind
    ) -> SSHError {
        notRun(command, because: "nothing was sent: \(cause)", remedy: remedy, kind: kind)
    }

    private func notRun(
        _ command: RemoteCommand, because cause: String, remedy: String, kind: FailureKind
    ) -> SSHError {
        destination.failure(.command, attempt: "run \(command.summary)", cause: cause, remedy: remedy, kind: kind)
    }

    /// An error of a command that the observer refused.
    func refusedByObserver(_ command: RemoteCommand, error: any Error) -> SSHError {
        let refusal = ObserverRefusal(error)
        return notSent(command, because: refusal.cause, remedy: refusal.remedy, kind: refusal.kind)
    }

    private func stillBusy(_ command: RemoteCommand, _ holders: LockHolders) -> SSHError {
        let look =
            holders.processes.isEmpty
            ? "`fuser -v \(destination.lock)`"
            : "`ps -o pid,ppid,stat,etime,args -p \(holders.processes.map(String.init).joined(separator: ","))`"
        return notRun(
            command,
            because: "an earlier command is still running there and holds \(destination.lock), also after "
                + "\(destination.limits.lock.inWords)"
                + (holders.words.isEmpty ? "" : ": \(holders.words)"),
            remedy: "look at it on \(hostName) with \(look); wait until it has ended, or end it there with `kill` if "
                + "it hangs\(destination.limits.lock.remedy.map { ", or \($0)" } ?? ""); then `runner resume`",
            kind: .busy)
    }

    private func judge(
        _ payload: String, of command: RemoteCommand, inFlight: InFlightCommand?, duration: Duration
    ) -> (ActivityOutcome.Status, Result<CommandResult, SSHError>) {
        let errors = inFlight?.errors.kept ?? []
        let said = String(decoding: errors.prefix(500), as: UTF8.self).split(whereSeparator: \.isNewline)
            .joined(separator: "; ")
        if let status = Int32(payload) {
            let result = CommandResult(
                exitStatus: status, standardOutput: inFlight?.output.kept ?? [], standardError: errors,
                isTruncated: inFlight.map { $0.output.isTruncated || $0.errors.isTruncated } ?? false,
                duration: duration)
            return (.exited(status), .success(result))
        }
        let error =
            switch payload {
            case RemoteScript.busy: stillBusy(command, LockHolders(errors))
            case RemoteScript.late:
                notRun(command, because: Fence.tooLate(for: "the host"), remedy: Fence.remedy, kind: .busy)
            case RemoteScript.stale:
                notRun(
                    command,
                    because: "a later run has taken the module, and has been there: its number is \(said)",
                    remedy:
                        "continue with `runner resume`, which says which run has the module; if there was no later run, as "
                        + "where the Lease was deleted and the API server's clock set back, remove that file on \(hostName)",
                    kind: .busy)
            case RemoteScript.noFence:
                notRun(
                    command,
                    because: "the run's number cannot be written beside \(destination.lock)"
                        + (said.isEmpty ? "" : ": \(said)"),
                    remedy: "make room on that file system, or allow \(destination.user) to write there", kind: .failed)
            case "gone":
                notRun(
                    command,
                    because: "the session that it was sent in had ended while it waited for \(destination.lock)",
                    remedy: "connect again", kind: .unreachable)
            case "nolock":
                notRun(
                    command,
                    because: "the lock \(destination.lock) cannot be taken" + (said.isEmpty ? "" : ": \(said)"),
                    remedy: destination.user == "root" || destination.usesSudo
                        ? "allow root to write there"
                        : "set \"become\": \"sudo\" in the inventory, or allow \(destination.user) to write there",
                    kind: .failed)
            case "noflock":
                notRun(
                    command, because: said.isEmpty ? "flock does not work there" : said,
                    remedy: "install flock (util-linux) on the host", kind: .failed)
            case RemoteScript.noInput:
                notRun(
                    command,
                    because: "the host has no program that can pass on a command's input: neither its head nor its dd "
                        + "reads exactly what it is asked for",
                    remedy: "install coreutils on the host", kind: .failed)
            default:
                unknown(
                    command, because: "the trailer reads \"\(payload)\" where an exit status was expected",
                    end: .trailer(payload))
            }
        let status: ActivityOutcome.Status =
            error.kind == .unknownOutcome
            ? .unknown(error.cause)
            : .refused(code: Self.notAboutTheLock.contains(payload) ? payload : "lock \(payload)")
        return (status, .failure(error))
    }

    private static let notAboutTheLock: Set = [
        RemoteScript.noInput, RemoteScript.late, RemoteScript.stale, RemoteScript.noFence,
    ]

    private func reason(for end: InFlightCommand.End, of command: RemoteCommand) -> String {
        switch end {
        case .trailer(let payload): payload
        case .shellEnded(let reason): reason
        case .timedOut: "it did not end within \(limit(of: command).inWords)"
        case .cancelled: "the task was cancelled while the command ran"
        case .linkLost(let loss): loss.explanation
        }
    }

    /// How long `command` may take.
    func limit(of command: RemoteCommand) -> TimeLimit { command.timeout ?? destination.limits.command }

    private func unknown(
        _ command: RemoteCommand, because cause: String, end: InFlightCommand.End
    ) -> SSHError {
        let isChange = command.effect == .change
        let hostIsLost = if case .linkLost(let loss) = end { !loss.isOurs } else { false }
        let ofRead =
            switch end {
            case .linkLost(let loss): destination.remedy(for: loss)
            case .timedOut:
                "run it on \(hostName) by hand and find out what it waits for"
                    + (limit(of: command).remedy.map { ", or \($0)" } ?? "")
            case .trailer, .shellEnded, .cancelled: "try again"
            }
        return destination.failure(
            .command, attempt: "run \(command.summary)",
            cause: isChange ? "\(cause); whether the command took effect is unknown" : cause,
            remedy: isChange
                ? "run `runner resume`: the step checks the present state and continues from there" : ofRead,
            kind: .unknownOutcome, hostIsLost: hostIsLost)
    }
}

extension RemoteCommand {
    /// The beginning of the command, for error messages.
    var summary: String {
        let text = arguments.joined(separator: " ").split(whereSeparator: \.isNewline).joined(separator: " ")
        return text.count > 80 ? "`\(text.prefix(79))…`" : "`\(text)`"
    }
}
