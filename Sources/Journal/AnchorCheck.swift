/// Compares a log, record by record, with the places of it that are known from elsewhere.
struct AnchorCheck {
    private let bySequence: [Int: [AuditAnchor]]
    private var unplaced: [AuditAnchor]
    private var differing: [AuditFinding] = []
    private let ends: [AuditAnchor]
    private var count = 0
    /// The first line after each place where the log must end, unless a later process went on with
    /// the run there.
    private var added: [Int: Int] = [:]
    /// The number of the last line that an anchor vouches for.
    private(set) var anchoredUpTo = 0

    init(_ anchors: [AuditAnchor], genesis: String) {
        bySequence = Dictionary(grouping: anchors.filter { $0.sequence != nil }) { $0.sequence ?? 0 }
        unplaced = anchors.filter { $0.sequence == nil }
        ends = anchors.filter { $0.end != nil }
        for anchor in bySequence[0] ?? [] where anchor.hash != genesis {
            let problem = "it is not the one that \(anchor.source) knows"
            differing.append(AuditFinding("run.json", problem, expected: anchor.hash, found: genesis))
        }
    }

    /// Takes the next record.
    mutating func read(_ record: AuditRecord) {
        let head = record.head
        count = head.sequence
        // Its first records come before it gives the outcome another name.
        if ![.tornTail, .runResume].contains(record.kind) {
            for end in ends.compactMap(\.end) where end < count && added[end] == nil {
                // The one record that may follow says whether the end was signed.
                if !record.kind.isOfSignature || count > end + 1 { added[end] = count }
            }
        }
        for anchor in bySequence[head.sequence] ?? [] {
            if anchor.hash == head.hash {
                anchoredUpTo = head.sequence
            } else {
                let problem = "it is not the record that \(anchor.source) knows"
                differing.append(
                    AuditFinding(
                        "audit.jsonl", line: head.sequence, problem, expected: anchor.hash, found: head.hash))
            }
        }
        if unplaced.contains(where: { $0.hash == head.hash }) {
            anchoredUpTo = head.sequence
            unplaced.removeAll { $0.hash == head.hash }
        }
    }

    /// What is wrong, once the whole log was read.
    func findings() -> [AuditFinding] {
        var findings = differing
        for (sequence, anchors) in bySequence where sequence > count || sequence < 0 {
            for anchor in anchors {
                let problem = "the log was cut: \(anchor.source) knows its record \(sequence)"
                findings.append(
                    AuditFinding("audit.jsonl", line: count + 1, problem, expected: anchor.hash, isGap: true))
            }
        }
        for anchor in unplaced {
            let problem = "no line has the digest of \(anchor.source)"
            findings.append(AuditFinding("audit.jsonl", problem, expected: anchor.hash))
        }
        for anchor in ends {
            guard let end = anchor.end else { continue }
            if let line = added[end] {
                let problem = "it was appended after the last record that \(anchor.source) knows"
                findings.append(AuditFinding("audit.jsonl", line: line, problem))
            } else if end > count {
                let problem = "the log was cut: \(anchor.source) knows its last record, number \(end)"
                findings.append(AuditFinding("audit.jsonl", line: count + 1, problem, isGap: true))
            }
        }
        return findings.sorted { ($0.line ?? 0, $0.problem) < ($1.line ?? 0, $1.problem) }
    }
}
