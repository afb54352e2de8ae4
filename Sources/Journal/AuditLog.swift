import ClientKit
import Glibc

/// The open audit log of a run: appends lines, each chained to the one before.
///
/// Confined to the journal's actor.
final class AuditLog {
    private let disk: Disk
    private let file: Descriptor
    private var length: Int
    /// How many bytes the lines have.
    var size: Int { length }
    private var isUnsynced = false
    private var broken: JournalError?
    private(set) var head: AuditHead
    /// How many lines this process appended.
    private(set) var appended = 0

    init(path: String, disk: Disk, length: Int, head: AuditHead) throws(JournalError) {
        self.disk = disk
        self.length = length
        self.head = head
        file = try Descriptor(path, O_WRONLY | O_CREAT | O_APPEND)
    }

    /// Appends `entry` with the next number and the digest of the line before, in one write.
    ///
    /// After a failure nothing of it remains in the log, or the log takes no more.
    func append(_ entry: AuditEntry) throws(JournalError) {
        if let broken { throw broken }
        var entry = entry
        entry.sequence = head.sequence + 1
        entry.previous = head.hash
        let line = try SealedJSON.line(entry)
        try failpoint("record.append")
        do throws(JournalError) {
            try file.write(line + [UInt8(ascii: "\n")])
        } catch {
            disk.releaseReserve(after: error)
            do throws(JournalError) { try file.truncate(to: length) } catch { broken = error }
            throw error
        }
        length += line.count + 1
        head = AuditHead(sequence: entry.sequence, hash: SHA256.hash(data: line).hex)
        isUnsynced = true
        appended += 1
    }

    /// Whether it is known what the disk holds of it.
    var takesMore: Bool { broken == nil }

    /// Takes no more lines: what the disk holds of this run is no longer known.
    func fail(with error: JournalError) { broken = broken ?? error }

    /// Makes all lines durable; after a failure the log takes no more.
    func sync() throws(JournalError) {
        if let broken { throw broken }
        guard isUnsynced else { return }
        do throws(JournalError) {
            try failpoint("record.sync")
            try disk.syncData(file)
        } catch {
            broken = error
            throw error
        }
        isUnsynced = false
    }

    func close() throws(JournalError) { try file.close() }
}
