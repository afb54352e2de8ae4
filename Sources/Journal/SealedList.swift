import Glibc

/// A line of a list in the state directory.
protocol ListLine: Codable, Sendable {
    /// The version of the line's format; nil is 1.
    var format: Int? { get }
}

/// A list in the state directory: sealed lines that are only ever appended.
///
/// It is outside of the runs' directories, so that the removal of a run shows. Whoever can write the
/// state directory can change it as well; what is kept elsewhere tells then.
struct SealedList<Line: ListLine> {
    private struct UnknownFormat: Error {
        let format: Int
    }

    let path: String
    private let disk: Disk

    init(at path: String, disk: Disk) {
        self.path = path
        self.disk = disk
    }

    /// Adds a line, durably.
    func append(_ line: Line) throws(JournalError) {
        let isNew = try !Disk.exists(path)
        let file = try Descriptor(path, O_RDWR | O_CREAT | O_APPEND)
        let bytes = try SealedJSON.line(line)
        // A line that a crash cut off stays as it is, and the next one begins on a line of its own.
        let newline = UInt8(ascii: "\n")
        let isCut = try file.lastByte().map { $0 != newline } ?? false
        do throws(JournalError) {
            try file.write((isCut ? [newline] : []) + bytes + [newline])
        } catch {
            disk.releaseReserve(after: error)
            throw error
        }
        try failpoint("list.written")
        try disk.syncData(file)
        if isNew { try disk.syncDirectory(Disk.split(path).folder) }
        try file.close()
    }

    /// Makes durable what is there, before anything is built on it: a killed process may have left its line unsynced.
    func sync() throws(JournalError) {
        if let file = try Descriptor.ifPresent(path, O_RDONLY) { try disk.syncData(file) }
    }

    /// All lines that are whole, each with its number, and what is wrong with the others.
    static func read(
        _ path: String
    ) throws(JournalError) -> (lines: [(number: Int, line: Line)], findings: [AuditFinding]) {
        let file: Descriptor
        do throws(JournalError) {
            guard let found = try Descriptor.ifPresent(path, O_RDONLY) else { return ([], []) }
            file = found
        } catch {
            return ([], [try AuditFinding(foreign: error, Disk.split(path).name)])
        }
        var reader = LineReader(file)
        var lines: [(number: Int, line: Line)] = []
        var findings: [AuditFinding] = []
        var number = 0
        while let bytes = try reader.next() {
            number += 1
            switch try judge(bytes, number, in: path) {
            case .whole(let line): lines.append((number, line))
            case .damaged(let finding): findings.append(finding)
            case .cut: break
            }
        }
        if reader.isTooLong {
            let problem = "it has more than \(LineReader.longestLine >> 20) MiB, and what follows was not read"
            findings.append(AuditFinding(Disk.split(path).name, line: number + 1, problem))
        }
        return (lines, findings)
    }

    /// The whole lines from the last one back to the first that `isFirst` holds for, oldest first: there may be thousands
    /// before it.
    ///
    /// - Parameter isWanted: Whether a line is to be looked at.
    static func tail(
        _ path: String, where isWanted: (ArraySlice<UInt8>) -> Bool, from isFirst: (Line) -> Bool
    ) throws(JournalError) -> [Line] {
        guard let file = try Descriptor.ifPresent(path, O_RDONLY) else { return [] }
        var reader = try BackwardLineReader(file)
        var lines: [Line] = []
        do throws(JournalError) {
            while let bytes = try reader.next() {
                guard isWanted(bytes), case .whole(let line) = try judge(bytes, nil, in: path) else { continue }
                lines.append(line)
                if isFirst(line) { break }
            }
        } catch {
            // From the beginning, the number of the line is known.
            if error.format != nil { _ = try read(path) }
            throw error
        }
        return lines.reversed()
    }

    private enum Judgement {
        case whole(Line)
        case damaged(AuditFinding)
        /// A crash cut it off.
        case cut
    }

    /// Whether a crash leaves this of a line: its beginning, or zeros.
    private static func mayBeCut(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let first = bytes.first, !bytes.contains(0) else { return true }
        guard first == UInt8(ascii: "{") else { return false }
        do throws(StrictJSON.Fault) {
            _ = try StrictJSON.members(of: bytes)
            return false
        } catch {
            return true
        }
    }

    private static func judge(
        _ bytes: ArraySlice<UInt8>, _ number: Int?, in path: String
    ) throws(JournalError) -> Judgement {
        let name = Disk.split(path).name
        guard SealedJSON.digestOfWholeLine(bytes) != nil else {
            guard SealedJSON.hasSeal(bytes) else {
                return mayBeCut(bytes) ? .cut : .damaged(AuditFinding(name, line: number, "no run wrote it"))
            }
            return .damaged(AuditFinding(name, line: number, "it does not match its own digest"))
        }
        do {
            _ = try StrictJSON.members(of: bytes)
            let line = try SealedJSON.decode(Line.self, from: bytes)
            if let format = line.format, format != 1 { throw UnknownFormat(format: format) }
            return .whole(line)
        } catch let unknown as UnknownFormat {
            throw JournalError.unknownFormat(path, format: unknown.format, known: 1...1, line: number)
        } catch {
            return .damaged(AuditFinding(name, line: number, "it cannot be read: \(error)"))
        }
    }
}
