/// What one witness knows of a run's audit log, or what it answered when it was sent a head.
public struct HeadTestimony: Codable, Sendable, Hashable {
    /// What came of it.
    public enum Result: String, Codable, Sendable {
        /// It keeps the head that was sent.
        case kept
        /// It has a head that the one sent does not follow.
        case refused
        /// It keeps nothing.
        case failed
        /// This is the last head that it had before, and nothing here contradicts it.
        case known
        /// The log of that run here is not the one that it knows.
        case differs
    }

    /// Where it keeps heads: `k8s-master-02:/var/log/keybuzz-runner.heads`, `the Lease`, `syslog`.
    public var witness: String
    /// What came of it.
    public var result: Result
    /// The run that the head belongs to; nil where it is this one.
    public var run: String?
    /// The head that the witness has; nil where it has none.
    public var head: AuditHead?
    /// Why, in words; nil where there is nothing to explain.
    public var reason: String?

    /// The module's lease, as a witness.
    public static let lease = "the Lease"

    /// Puts a testimony together.
    public init(
        witness: String, _ result: Result, run: String? = nil, head: AuditHead? = nil, reason: String? = nil
    ) {
        (self.witness, self.result, self.run, self.head, self.reason) = (witness, result, run, head, reason)
    }

    /// The testimony in words.
    public var summary: String {
        let place = head.map { "record \($0)" } ?? "no record"
        let why = reason.map { ": \($0)" } ?? ""
        let of = run.map { " of run \($0)" } ?? ""
        return switch result {
        case .kept: "\(witness) keeps \(place)\(of)"
        case .refused: "\(witness) refused the head, it has \(place)\(of)\(why)"
        case .failed: "\(witness) keeps no head\(why)"
        case .known: "\(witness) knows \(place)\(of)"
        case .differs: "\(witness) knows \(place)\(of), and the log here is another\(why)"
        }
    }

    func redacted(by redactor: Redactor) -> HeadTestimony {
        HeadTestimony(
            witness: redactor.redact(witness), result, run: run.map(redactor.redact), head: head,
            reason: reason.map(redactor.redact))
    }
}

/// What witnesses know of the head before, or of the run before.
public struct WitnessRecord: Codable, Sendable, Hashable {
    /// All of it in a sentence.
    public var text: String
    /// The head of this log that it is about.
    public var head: AuditHead
    /// What each of them knows.
    public var witnesses: [HeadTestimony]

    /// Puts a record together.
    public init(_ head: AuditHead, _ witnesses: [HeadTestimony]) {
        self.head = head
        self.witnesses = witnesses
        text = "witnesses: " + witnesses.map(\.summary).joined(separator: "; ")
    }

    func redacted(by redactor: Redactor) -> WitnessRecord {
        WitnessRecord(head, witnesses.map { $0.redacted(by: redactor) })
    }
}
