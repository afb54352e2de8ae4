/// What a record tells, with what belongs to its kind and nothing else.
public enum AuditContent: Sendable, Hashable {
    /// The run began; the first line, which carries the digest of run.json as `prev`.
    case runStart(RunOpening)
    /// A later process goes on with the run.
    case runResume(RunOpening)
    /// The run ended.
    case runEnd(RunEnding)
    /// The preflight passed.
    case preflight(PreflightResult)
    /// What every step found before the first change is what the plan says that the run carries out.
    case planComparison
    /// Who had the module's Lease last, as the run saw it once it was over: at first, and whenever that has changed since.
    case lockObserved(LeaseSighting)
    /// The module's Lease was taken.
    case lockTaken
    /// The module's Lease is about to be released.
    case lockReleased
    /// The Lease of another run is about to be broken by hand.
    case lockBroken(LeaseHolder)
    /// The Lease of another run, over or expired, was taken over.
    case lockTakeover(LeaseHolder)
    /// A step began.
    case stepStart
    /// A step's check answered.
    case stepCheck(StepFinding)
    /// A step ended.
    case stepEnd(StepEnding)
    /// Something is about to be sent to the outside world.
    case commandStart(CommandStart)
    /// What came back.
    case commandEnd(CommandEnd)
    /// The checkpoint file of a step is about to be written.
    case checkpoint
    /// A checkpoint no longer counts, for this reason, and was set aside.
    case checkpointWithdrawn(String)
    /// Evidence of a failure is about to be written.
    case evidence
    /// Something an auditor should know that stopped nothing.
    case warning(String)
    /// Something the operator needs after the run, such as where a backup lies.
    case note(String)
    /// A crash cut the log's end off; the pieces were set aside.
    case tornTail(TornLine)
    /// Something in the state directory is not as a run left it: found when this run began or went
    /// on.
    case damage(String)
    /// A directory of a run without run.json got another name, so that nobody takes it for a run.
    case setAside(SetAsideDirectory)
    /// The head before was signed: announces the statement and its signature.
    case headSigned(HeadRecord)
    /// The head before was to be signed and was not, for a reason.
    case headUnsigned(HeadRecord)
    /// What witnesses outside this machine's disk know of a head.
    case headWitnessed(WitnessRecord)
    /// A kind that a later version writes; what it holds is in the record's bytes.
    case other(AuditKind)

    /// The word in the log.
    public var kind: AuditKind {
        switch self {
        case .runStart: .runStart
        case .runResume: .runResume
        case .runEnd: .runEnd
        case .preflight: .preflight
        case .planComparison: .planComparison
        case .lockObserved: .lockObserved
        case .lockTaken: .lockTaken
        case .lockReleased: .lockReleased
        case .lockBroken: .lockBroken
        case .lockTakeover: .lockTakeover
        case .stepStart: .stepStart
        case .stepCheck: .stepCheck
        case .stepEnd: .stepEnd
        case .commandStart: .commandStart
        case .commandEnd: .commandEnd
        case .checkpoint: .checkpoint
        case .checkpointWithdrawn: .checkpointWithdrawn
        case .evidence: .evidence
        case .warning: .warning
        case .note: .note
        case .tornTail: .tornTail
        case .damage: .damage
        case .setAside: .setAside
        case .headSigned: .headSigned
        case .headUnsigned: .headUnsigned
        case .headWitnessed: .headWitnessed
        case .other(let kind): kind
        }
    }
}

extension AuditContent {
    init(_ kind: AuditKind, from decoder: any Decoder) throws {
        self =
            switch kind {
            case .runStart: .runStart(try RunOpening(from: decoder))
            case .runResume: .runResume(try RunOpening(from: decoder))
            case .runEnd: .runEnd(try RunEnding(from: decoder))
            case .preflight: .preflight(try PreflightResult(from: decoder))
            case .planComparison: .planComparison
            case .lockObserved: .lockObserved(try LeaseSighting(from: decoder))
            case .lockTaken: .lockTaken
            case .lockReleased: .lockReleased
            case .lockBroken: .lockBroken(try LeaseHolder(from: decoder))
            case .lockTakeover: .lockTakeover(try LeaseHolder(from: decoder))
            case .stepStart: .stepStart
            case .stepCheck: .stepCheck(try StepFinding(from: decoder))
            case .stepEnd: .stepEnd(try StepEnding(from: decoder))
            case .commandStart: .commandStart(try Self.member(.command, of: decoder))
            case .commandEnd: .commandEnd(try Self.member(.end, of: decoder))
            case .checkpoint: .checkpoint
            case .checkpointWithdrawn: .checkpointWithdrawn(try Self.member(.text, of: decoder))
            case .evidence: .evidence
            case .warning: .warning(try Self.member(.text, of: decoder))
            case .note: .note(try Self.member(.text, of: decoder))
            case .tornTail: .tornTail(try TornLine(from: decoder))
            case .damage: .damage(try Self.member(.text, of: decoder))
            case .setAside: .setAside(try SetAsideDirectory(from: decoder))
            case .headSigned: .headSigned(try HeadRecord(from: decoder))
            case .headUnsigned: .headUnsigned(try HeadRecord(from: decoder))
            case .headWitnessed: .headWitnessed(try WitnessRecord(from: decoder))
            default: .other(kind)
            }
    }

    func encode(to encoder: any Encoder) throws {
        switch self {
        case .runStart(let opening), .runResume(let opening): try opening.encode(to: encoder)
        case .runEnd(let ending): try ending.encode(to: encoder)
        case .preflight(let result): try result.encode(to: encoder)
        case .lockObserved(let sighting): try sighting.encode(to: encoder)
        case .lockBroken(let holder), .lockTakeover(let holder): try holder.encode(to: encoder)
        case .stepCheck(let finding): try finding.encode(to: encoder)
        case .stepEnd(let ending): try ending.encode(to: encoder)
        case .commandStart(let start): try encode(start, as: .command, to: encoder)
        case .commandEnd(let end): try encode(end, as: .end, to: encoder)
        case .checkpointWithdrawn(let text), .warning(let text), .note(let text), .damage(let text):
            try encode(text, as: .text, to: encoder)
        case .tornTail(let line): try line.encode(to: encoder)
        case .setAside(let directory): try directory.encode(to: encoder)
        case .headSigned(let record), .headUnsigned(let record): try record.encode(to: encoder)
        case .headWitnessed(let record): try record.encode(to: encoder)
        case .planComparison, .lockTaken, .lockReleased, .stepStart, .checkpoint, .evidence, .other: break
        }
    }

    private enum Field: String, CodingKey {
        case text, command, end
    }

    private func encode(_ value: some Encodable, as field: Field, to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: Field.self)
        try fields.encode(value, forKey: field)
    }

    private static func member<T: Decodable>(_ field: Field, of decoder: any Decoder) throws -> T {
        try decoder.container(keyedBy: Field.self).decode(T.self, forKey: field)
    }
}
