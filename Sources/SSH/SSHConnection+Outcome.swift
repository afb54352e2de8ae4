import ClientKit

/// What a command's end means, for its caller and for the observer.
extension SSHConnection {
    func conclude(
        _ command: RemoteCommand, _ activity: Activity, _ exchange: Exchange?, _ end: Exchange.End
    ) async throws(SSHError) -> CommandResult {
        let duration = exchange.map { .now - $0.started } ?? .zero
        let status: ActivityOutcome.Status
        let outcome: Result<CommandResult, SSHError>
        switch end {
        case .trailer(let payload):
            (status, outcome) = judge(command, payload, exchange, duration)
        case .shellEnded, .timedOut, .cancelled, .linkLost:
            let cause = reason(end, command)
            status = .unknown(exchange == nil ? "nothing was sent: \(cause)" : cause)
            outcome = .failure(
                exchange == nil ? notSent(command, cause, "connect again.", .unreachable) : unknown(command, cause))
        }
        do {
            try await observer.didEnd(activity, ActivityOutcome(status: status, duration: duration))
        } catch {
            throw destination.failure(
                .command, "record the end of \(command.summary)", cause: "\(error)",
                remedy: (error as? any ExplainedError)?.remedy ?? "make the record writable, then resume.",
                kind: (error as? any ExplainedError)?.kind ?? .stateNotWritable)
        }
        return try outcome.get()
    }

    /// An error of a command of which the host has seen nothing.
    func notSent(_ command: RemoteCommand, _ cause: String, _ remedy: String, _ kind: FailureKind) -> SSHError {
        notRun(command, "nothing was sent: \(cause)", remedy, kind)
    }

    private func notRun(_ command: RemoteCommand, _ cause: String, _ remedy: String, _ kind: FailureKind) -> SSHError {
        destination.failure(.command, "run \(command.summary)", cause: cause, remedy: remedy, kind: kind)
    }

    /// An error of a command that the observer did not let pass.
    func refusedByObserver(_ command: RemoteCommand, _ error: any Error) -> SSHError {
        let explained = error as? any ExplainedError
        return notSent(
            command, "it could not be recorded: \(explained?.cause ?? "\(error)")",
            explained?.remedy ?? "make the record writable, then resume.", explained?.kind ?? .stateNotWritable)
    }

    private func judge(
        _ command: RemoteCommand, _ payload: String, _ exchange: Exchange?, _ duration: Duration
    ) -> (ActivityOutcome.Status, Result<CommandResult, SSHError>) {
        let errors = exchange?.errors.kept ?? []
        let said = String(decoding: errors.prefix(500), as: UTF8.self).split(whereSeparator: \.isNewline)
            .joined(separator: "; ")
        if let status = Int32(payload) {
            let result = CommandResult(
                exitStatus: status, standardOutput: exchange?.output.kept ?? [], standardError: errors,
                isTruncated: exchange.map { $0.output.isTruncated || $0.errors.isTruncated } ?? false,
                duration: duration)
            return (.exited(status), .success(result))
        }
        let error =
            switch payload {
            case "busy":
                notRun(
                    command,
                    "an earlier command is still running there and holds \(destination.lockFile)"
                        + (said.isEmpty ? "" : ": \(said)"),
                    "wait until it has ended, then resume.", .busy)
            case "nolock":
                notRun(
                    command, "the lock \(destination.lockFile) cannot be taken" + (said.isEmpty ? "" : ": \(said)"),
                    "let \(destination.user) write there and install flock (util-linux) on the host.", .failed)
            default:
                unknown(command, "the trailer reads \"\(payload)\" where an exit status was expected")
            }
        let status: ActivityOutcome.Status =
            error.kind == .unknownOutcome ? .unknown(error.cause) : .refused(code: "lock \(payload)")
        return (status, .failure(error))
    }

    private func reason(_ end: Exchange.End, _ command: RemoteCommand) -> String {
        switch end {
        case .trailer(let payload): payload
        case .shellEnded(let reason): reason
        case .timedOut: "it did not end within \(command.timeout.inWords)"
        case .cancelled: "the task was cancelled while the command ran"
        case .linkLost(let loss): loss.explanation
        }
    }

    private func unknown(_ command: RemoteCommand, _ cause: String) -> SSHError {
        destination.failure(
            .command, "run \(command.summary)", cause: "\(cause); whether the command took effect is unknown",
            remedy: "resume: the step looks at what is there and goes on from it.", kind: .unknownOutcome)
    }
}

extension RemoteCommand {
    /// The beginning of the command, for error messages.
    var summary: String {
        let text = arguments.joined(separator: " ").split(whereSeparator: \.isNewline).joined(separator: " ")
        return text.count > 80 ? "`\(text.prefix(79))…`" : "`\(text)`"
    }
}
