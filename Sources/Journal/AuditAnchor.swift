/// A place in a run's chain that was written down outside its log, and must still be in it.
public struct AuditAnchor: Sendable, Hashable {
    /// The number of the line; nil where only its digest is known.
    public let sequence: Int?
    /// SHA-256 of the line's bytes.
    public let hash: String
    /// Where it is written, for people: "outcome.json", "the Lease".
    public let source: String
    /// Whether the log must end there.
    public let isLast: Bool

    /// An anchor from outside the run's directory: the Lease's annotation, `--expect-head`, a verified signature.
    public init(_ head: AuditHead, source: String, isLast: Bool = false) {
        self.init(sequence: head.sequence, hash: head.hash, source: source, isLast: isLast)
    }

    /// Reads `seq:hash`, or a hash alone, as `--expect-head` takes it.
    public init?(expecting text: String) {
        let source = "--expect-head"
        if let head = AuditHead(text) {
            self.init(head, source: source)
        } else if text.utf8.count == 64, text.allSatisfy(\.isHexDigit) {
            self.init(sequence: nil, hash: text.lowercased(), source: source, isLast: false)
        } else {
            return nil
        }
    }

    private init(sequence: Int?, hash: String, source: String, isLast: Bool) {
        self.sequence = sequence
        self.hash = hash
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

    /// The number of the line it vouches for, where the log holds it.
    func place(in scan: AuditScan, genesis: String) -> Int? {
        guard let sequence else {
            return scan.lines.firstIndex { $0.hash == hash }.map { $0 + 1 }
        }
        if sequence == 0 { return hash == genesis ? 0 : nil }
        guard sequence > 0, sequence <= scan.lines.count else { return nil }
        return scan.lines[sequence - 1].hash == hash ? sequence : nil
    }
}
