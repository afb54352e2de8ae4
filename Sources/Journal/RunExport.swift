/// All of a run's record in one value, for `runner audit export`.
public struct RunExport: Codable, Sendable {
    /// The content of run.json.
    public let header: RunHeader?
    /// How the run ended.
    public let outcome: RunOutcome?
    /// The checkpoints that are whole.
    public let checkpoints: [Checkpoint]
    /// Every record of the audit log.
    public let entries: [AuditEntry]
    /// What the verifier said when the export was made.
    public let verification: AuditReport

    /// Collects the record of `run`.
    public init(of run: RunReader, verifiedBy verifier: AuditVerifier) throws(JournalError) {
        header = try run.header().content
        outcome = try run.outcome().content
        checkpoints = try run.checkpoints().values.compactMap(\.content).sorted {
            $0.audit.sequence < $1.audit.sequence
        }
        entries = try run.entries()
        verification = try verifier.verify(run)
    }
}

/// JSON as the journal writes it: keys sorted, times in RFC 3339 with milliseconds.
public enum JournalJSON {
    /// The value as indented text.
    public static func text(_ value: some Encodable) throws(JournalError) -> String {
        try SealedJSON.unsealed(value)
    }
}
