/// A place in a run's chain that was written down outside its log, and must still be in it.
public struct AuditAnchor: Sendable, Hashable {
    /// The place.
    public let head: AuditHead
    /// Where it is written, for people: "outcome.json", "the Lease".
    public let source: String
    /// Whether the log must end there.
    public let isLast: Bool

    /// An anchor from outside the run's directory: the Lease's annotation, `--expect-head`, a verified signature.
    public init(_ head: AuditHead, source: String, isLast: Bool = false) {
        self.head = head
        self.source = source
        self.isLast = isLast
    }

    /// Those in the run's own directory, from files that are whole.
    static func own(of run: RunReader) throws(JournalError) -> [AuditAnchor] {
        var anchors: [AuditAnchor] = []
        if let outcome = try run.outcome().content {
            anchors.append(AuditAnchor(outcome.audit, source: "outcome.json", isLast: true))
        }
        for (index, outcome) in try run.earlierOutcomes().enumerated() {
            guard let content = outcome.content else { continue }
            anchors.append(AuditAnchor(content.audit, source: RunReader.earlierOutcome(index + 1)))
        }
        for (step, file) in try run.checkpoints().sorted(by: { $0.key < $1.key }) {
            guard let content = file.content else { continue }
            anchors.append(AuditAnchor(content.audit, source: "checkpoints/\(step).json"))
        }
        return anchors
    }

    func holds(in scan: AuditScan, genesis: String) -> Bool {
        if head.sequence == 0 { return head.hash == genesis }
        guard head.sequence > 0, head.sequence <= scan.lines.count else { return false }
        return scan.lines[head.sequence - 1].hash == head.hash
    }
}
