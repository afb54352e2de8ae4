/// A place in a run's chain that was written down outside its log, and must still be in it.
public struct AuditAnchor: Sendable, Hashable {
    /// The number of the line; nil where only its digest is known.
    public let sequence: Int?
    /// SHA-256 of the line's bytes.
    public let hash: String
    /// Where it is written, for people: "outcome.json", "the Lease".
    public let source: String
    /// The number of the line that the log must end with, where that is known.
    public let end: Int?

    /// An anchor from outside the run's directory: the Lease's annotation, `--expect-head`, a
    /// verified signature.
    public init(_ head: AuditHead, source: String, end: Int? = nil) {
        self.init(sequence: head.sequence, hash: head.hash, source: source, end: end)
    }

    /// Reads `seq:hash`, or a hash alone, as `--expect-head` takes it.
    public init?(expecting text: String) {
        let source = "--expect-head"
        if let head = AuditHead(text) {
            self.init(head, source: source)
        } else if text.utf8.count == 64, text.allSatisfy({ $0.isHexDigit && $0.isASCII }) {
            self.init(sequence: nil, hash: text.lowercased(), source: source, end: nil)
        } else {
            return nil
        }
    }

    private init(sequence: Int?, hash: String, source: String, end: Int?) {
        self.sequence = sequence
        self.hash = hash
        self.source = source
        self.end = end
    }

    /// Those in the run's own directory, from files that are whole.
    static func own(of run: RunReader) throws(JournalError) -> [AuditAnchor] {
        var anchors: [AuditAnchor] = []
        if let outcome = try run.outcome().content {
            anchors.append(AuditAnchor(outcome.audit, source: "outcome.json", end: outcome.lastRecord))
        }
        for (index, outcome) in try run.earlierOutcomes().enumerated() {
            guard let content = outcome.content else { continue }
            anchors.append(AuditAnchor(content.audit, source: RunReader.earlierOutcome(index + 1)))
        }
        for (step, file) in try run.checkpoints().sorted(by: { $0.key < $1.key }) {
            guard let content = file.content else { continue }
            anchors.append(AuditAnchor(content.audit, source: "checkpoints/\(step).json"))
        }
        for (sequence, file) in try run.signedHeads().sorted(by: { $0.key < $1.key }) {
            guard let content = file.content, content.head.sequence == sequence else { continue }
            anchors.append(AuditAnchor(content.head, source: HeadSigning.statement(sequence)))
        }
        return anchors
    }
}

extension RunOutcome {
    /// The number of the record that ends the run: announced after the outcome was written, but in
    /// format 1.
    var lastRecord: Int { format == 1 ? audit.sequence : audit.sequence + 1 }
}
