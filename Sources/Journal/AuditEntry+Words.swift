import ClientKit

extension AuditEntry {
    /// The sentence for people that it holds.
    public var text: String? {
        switch content {
        case .runEnd(let ending): ending.error
        case .lockObserved(let sighting): sighting.text
        case .lockBroken(let holder), .lockTakeover(let holder): holder.text
        case .stepEnd(let ending): ending.error
        case .checkpointWithdrawn(let text), .warning(let text), .note(let text), .damage(let text): text
        case .tornTail(let line): line.text
        case .setAside(let directory): directory.text
        case .headSigned(let record), .headUnsigned(let record): record.text
        case .headWitnessed(let record): record.text
        default: nil
        }
    }

    /// How it went, in one or two words such as `in place`, `drifted` or `failed`.
    public var result: String? {
        switch content {
        case .runEnd(let ending): ending.result.rawValue
        case .preflight: "passed"
        case .planComparison: "unmoved"
        case .stepCheck(let finding): finding.result.rawValue
        case .stepEnd(let ending): ending.result.rawValue
        case .setAside(let directory): directory.result.rawValue
        default: nil
        }
    }

    /// What is different or was changed.
    public var changes: [RecordedChange]? {
        switch content {
        case .stepCheck(let finding): finding.changes
        case .stepEnd(let ending): ending.changes
        default: nil
        }
    }
}

extension AuditContent {
    /// The same without the secrets that `redactor` knows.
    ///
    /// What is the journal's own stays as it is: a digest that happens to hold the digits of a short
    /// secret must not be changed.
    func redacted(by redactor: Redactor) -> AuditContent {
        func safe(_ holder: LeaseHolder) -> LeaseHolder {
            LeaseHolder(
                redactor.redact(holder.text), holder: holder.holder.map(redactor.redact),
                run: holder.run.map(redactor.redact))
        }
        func safe(_ changes: [RecordedChange]?) -> [RecordedChange]? { changes?.map { $0.redacted(by: redactor) } }
        switch self {
        case .preflight(let result): return .preflight(PreflightResult(absent: result.absent.map(redactor.redact)))
        case .lockObserved(let sighting):
            let turn = sighting.turn.map { LeaseTurn(run: redactor.redact($0.run), number: $0.number) }
            return .lockObserved(LeaseSighting(turn, isGone: sighting.isGone == true))
        case .lockBroken(let holder): return .lockBroken(safe(holder))
        case .lockTakeover(let holder): return .lockTakeover(safe(holder))
        case .stepCheck(let finding):
            return .stepCheck(StepFinding(result: finding.result, changes: safe(finding.changes)))
        case .stepEnd(let ending):
            return .stepEnd(
                StepEnding(
                    result: ending.result, error: ending.error.map(redactor.redact), changes: safe(ending.changes)))
        case .checkpointWithdrawn(let text): return .checkpointWithdrawn(redactor.redact(text))
        case .warning(let text): return .warning(redactor.redact(text))
        case .note(let text): return .note(redactor.redact(text))
        case .damage(let text): return .damage(redactor.redact(text))
        case .headUnsigned(var record):
            record.text = redactor.redact(record.text)
            return .headUnsigned(record)
        case .headWitnessed(let record): return .headWitnessed(record.redacted(by: redactor))
        case .runEnd(var ending):
            ending.error = ending.error.map(redactor.redact)
            return .runEnd(ending)
        case .runStart(let opening): return .runStart(opening.redacted(by: redactor))
        case .runResume(let opening): return .runResume(opening.redacted(by: redactor))
        case .planComparison, .lockTaken, .lockReleased, .stepStart, .commandStart, .commandEnd,
            .checkpoint, .evidence, .tornTail, .setAside, .headSigned, .other:
            return self
        }
    }
}

extension RunOpening {
    fileprivate func redacted(by redactor: Redactor) -> RunOpening {
        var safe = self
        safe.ticket = ticket.map(redactor.redact)
        safe.reason = reason.map(redactor.redact)
        return safe
    }
}
