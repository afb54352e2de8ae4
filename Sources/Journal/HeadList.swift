import Foundation

/// `heads.jsonl` in the state directory: where each run's log stood when a process began, went on
/// with or ended the run.
///
/// The removal of the newest run, and a log that was cut, show by it. Only a head that is kept
/// elsewhere tells where it was changed too.
struct HeadList {
    /// One line.
    struct Line: ListLine {
        var format: Int?
        let run: RunID
        let audit: AuditHead
        let time: Date
    }

    static let name = "heads.jsonl"

    private let list: SealedList<Line>

    init(_ state: String, _ disk: Disk) {
        list = SealedList(at: "\(state)/\(Self.name)", disk: disk)
    }

    /// Adds a line, durably.
    func append(_ run: RunID, _ head: AuditHead) throws(JournalError) {
        try list.append(Line(run: run, audit: head, time: Date()))
    }

    /// Makes durable what is there.
    func sync() throws(JournalError) { try list.sync() }

    /// The heads of all runs, and what is wrong with the list.
    static func read(_ state: String) throws(JournalError) -> (heads: [RunID: [AuditHead]], findings: [AuditFinding]) {
        let (lines, findings) = try SealedList<Line>.read("\(state)/\(name)")
        var heads: [RunID: [AuditHead]] = [:]
        for (_, line) in lines { heads[line.run, default: []].append(line.audit) }
        return (heads, findings)
    }

    /// The heads of one run, from that of its first record on: nothing tells of the run before.
    static func heads(of run: RunID, in state: String) throws(JournalError) -> [AuditHead] {
        let name = Array(run.description.utf8)
        return try SealedList<Line>.tail(
            "\(state)/\(Self.name)", where: { $0.holds(name) }, from: { $0.run == run && $0.audit.sequence <= 1 }
        ).filter { $0.run == run }.map(\.audit)
    }
}
