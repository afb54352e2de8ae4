import ClientKit

/// Follows which records of a log were durable when the next one was written, and with them the
/// transcripts that they and those before them announce.
struct Durability {
    /// Commands that may change something: their records are durable.
    private var changes: Set<Int> = []
    private var isDurable = false
    /// The start record of the command whose end was looked at last.
    private(set) var ended: Int?

    /// Whether `record`, the next one, shows that the one before it had reached the disk.
    ///
    /// A process that cannot make a record durable writes no other. One that goes on with the run
    /// knows nothing of that: a power cut may have come first.
    mutating func isShown(by record: AuditRecord) throws(JournalError) -> Bool {
        let isOfNextProcess = [.tornTail, .runResume].contains(record.kind)
        let isShown = isDurable && !isOfNextProcess
        isDurable = try isDurable(record)
        return isShown
    }

    private mutating func isDurable(_ record: AuditRecord) throws(JournalError) -> Bool {
        switch record.kind {
        case .runStart, .runResume, .runEnd, .damage, .setAside, .checkpoint, .checkpointWithdrawn, .evidence,
            .lockTakeover, .headSigned, .headUnsigned:
            return true
        case .commandStart:
            let isChange = try record.member("command")?.text("effect") == Effect.change.rawValue
            if isChange { changes.insert(record.number) }
            return isChange
        case .commandEnd:
            ended = try record.member("end")?.integer("start")
            return ended.flatMap { changes.remove($0) } != nil
        default:
            return false
        }
    }
}
