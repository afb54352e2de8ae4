import ClientKit
import Foundation
import Glibc

/// `heads.jsonl` in the state directory: where each run's log stood when a process began, went on
/// with or ended the run.
///
/// It is outside of the runs' directories, so that the removal of the newest run, and a log that
/// was cut, show. Whoever can write the state directory can change it as well; only a head that is
/// kept elsewhere tells then.
struct HeadList {
    /// One line.
    struct Line: Codable, Sendable {
        /// The version of the line's format; nil is 1.
        var format: Int?
        let run: RunID
        let audit: AuditHead
        let time: Date
    }

    private struct UnknownFormat: Error {
        let format: Int
    }

    static let name = "heads.jsonl"

    private let path: String
    private let disk: Disk

    init(_ state: String, _ disk: Disk) {
        path = "\(state)/\(Self.name)"
        self.disk = disk
    }

    /// Adds a line, durably.
    func append(_ run: RunID, _ head: AuditHead) throws(JournalError) {
        let isNew = access(path, F_OK) != 0
        let file = try Descriptor(path, O_RDWR | O_CREAT | O_APPEND)
        let line = try SealedJSON.line(Line(run: run, audit: head, time: Date()))
        // A line that a crash cut off stays as it is, and the next one begins on a line of its own.
        let newline = UInt8(ascii: "\n")
        let isCut = try file.lastByte().map { $0 != newline } ?? false
        do throws(JournalError) {
            try file.write((isCut ? [newline] : []) + line + [newline])
        } catch {
            disk.releaseReserve(after: error)
            throw error
        }
        try failpoint("head.written")
        try disk.syncData(file)
        if isNew { try disk.syncDirectory(Disk.split(path).folder) }
        try file.close()
    }

    /// The heads of all runs, and what is wrong with the list.
    static func read(_ state: String) throws(JournalError) -> (heads: [RunID: [AuditHead]], findings: [AuditFinding]) {
        guard let file = try Descriptor.ifPresent("\(state)/\(name)", O_RDONLY) else { return ([:], []) }
        var lines = LineReader(file)
        var heads: [RunID: [AuditHead]] = [:]
        var findings: [AuditFinding] = []
        var number = 0
        while let bytes = try lines.next() {
            number += 1
            if SealedJSON.digestOfWholeLine(bytes) != nil {
                do {
                    _ = try StrictJSON.members(of: bytes)
                    let line = try SealedJSON.decode(Line.self, from: bytes)
                    if let format = line.format, format != 1 { throw UnknownFormat(format: format) }
                    heads[line.run, default: []].append(line.audit)
                } catch let unknown as UnknownFormat {
                    throw JournalError.unknownFormat(
                        "\(state)/\(name)", format: unknown.format, known: 1...1, line: number)
                } catch {
                    findings.append(AuditFinding(name, line: number, "it cannot be read: \(error)"))
                }
            } else if SealedJSON.hasSeal(bytes) {
                findings.append(AuditFinding(name, line: number, "it does not match its own digest"))
            }
        }
        return (heads, findings)
    }
}
