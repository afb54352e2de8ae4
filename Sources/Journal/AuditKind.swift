/// What an ``AuditEntry`` records.
///
/// The set is open: a reader passes over kinds that a later version writes.
public struct AuditKind: RawRepresentable, Codable, Hashable, Sendable {
    /// The word in the log.
    public let rawValue: String
    /// Wraps a word of the log.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// The run began; who and what is in run.json, whose digest this first line carries as `prev`.
    public static let runStart = AuditKind(rawValue: "run.start")
    /// A later process goes on with the run.
    public static let runResume = AuditKind(rawValue: "run.resume")
    /// The run ended, with this result.
    public static let runEnd = AuditKind(rawValue: "run.end")
    /// What the preflight found.
    public static let preflight = AuditKind(rawValue: "preflight")
    /// What every step found before the first change was compared with the plan that the run
    /// carries out.
    public static let planComparison = AuditKind(rawValue: "plan.comparison")
    /// Who had the module's Lease last before this run.
    public static let lockObserved = AuditKind(rawValue: "lock.observed")
    /// The module's lock or Lease was taken.
    public static let lockTaken = AuditKind(rawValue: "lock.taken")
    /// The module's lock or Lease was released.
    public static let lockReleased = AuditKind(rawValue: "lock.released")
    /// The Lease of another run was broken by hand.
    public static let lockBroken = AuditKind(rawValue: "lock.broken")
    /// The Lease of another run, over or expired, was taken over.
    public static let lockTakeover = AuditKind(rawValue: "lock.takeover")
    /// A step began.
    public static let stepStart = AuditKind(rawValue: "step.start")
    /// A step's check answered.
    public static let stepCheck = AuditKind(rawValue: "step.check")
    /// A step ended.
    public static let stepEnd = AuditKind(rawValue: "step.end")
    /// Something is about to be sent to the outside world.
    public static let commandStart = AuditKind(rawValue: "command.start")
    /// What came back.
    public static let commandEnd = AuditKind(rawValue: "command.end")
    /// The checkpoint file of a step is about to be written; carries its digest.
    public static let checkpoint = AuditKind(rawValue: "checkpoint")
    /// A checkpoint no longer counts, and was set aside.
    public static let checkpointWithdrawn = AuditKind(rawValue: "checkpoint.withdrawn")
    /// Evidence of a failure is about to be written; carries its digest.
    public static let evidence = AuditKind(rawValue: "evidence")
    /// Something an auditor should know that stopped nothing.
    public static let warning = AuditKind(rawValue: "warning")
    /// Something the operator needs after the run, such as where a backup lies.
    public static let note = AuditKind(rawValue: "note")
    /// A crash cut the log's end off; the pieces were set aside.
    public static let tornTail = AuditKind(rawValue: "torn-tail")
    /// Something in the state directory is not as a run left it: found when this run began or went
    /// on.
    public static let damage = AuditKind(rawValue: "damage")
    /// A directory of a run without run.json got another name, so that nobody takes it for a run.
    public static let setAside = AuditKind(rawValue: "directory.set-aside")
    /// The head before was signed; announces the statement and its signature.
    public static let headSigned = AuditKind(rawValue: "head.signed")
    /// The head before was to be signed and was not; says why.
    public static let headUnsigned = AuditKind(rawValue: "head.unsigned")
    /// What witnesses outside this machine's disk know of a head.
    public static let headWitnessed = AuditKind(rawValue: "head.witnessed")
}
