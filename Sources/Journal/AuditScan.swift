import ClientKit

/// The lines of an audit log, judged one by one.
struct AuditScan {
    /// A whole line.
    struct Line {
        let bytes: ArraySlice<UInt8>
        var hash: String { SHA256.hash(data: bytes).hex }
    }

    /// The first line that is not whole.
    struct Defect {
        let line: Int
        /// Where it begins in the file.
        let offset: Int
        let cause: String
        /// Whether whole lines follow, so that no crash can explain it.
        let isFollowedByWholeLines: Bool
    }

    /// The whole lines before the first defect.
    private(set) var lines: [Line] = []
    private(set) var defect: Defect?

    init(_ bytes: [UInt8]) {
        var start = 0
        while start < bytes.count, defect == nil {
            let end = bytes[start...].firstNewline
            let line = bytes[start..<(end ?? bytes.count)]
            if end != nil, SealedJSON.isWhole(line) {
                lines.append(Line(bytes: line))
            } else {
                defect = Defect(
                    line: lines.count + 1, offset: start,
                    cause: end == nil
                        ? "the last line has no end" : "its bytes do not match the digest they carry",
                    isFollowedByWholeLines: Self.holdsWholeLine(bytes[(end.map { $0 + 1 } ?? bytes.count)...]))
            }
            start = (end ?? bytes.count) + 1
        }
    }

    private static func holdsWholeLine(_ bytes: ArraySlice<UInt8>) -> Bool {
        var rest = bytes
        while let end = rest.firstNewline {
            if SealedJSON.isWhole(rest[..<end]) { return true }
            rest = rest[(end + 1)...]
        }
        return false
    }

    /// The typed content of the whole lines, as far as each follows from the one before.
    ///
    /// - Parameters:
    ///   - genesis: The digest of run.json.
    ///   - last: What the last line's digest should be, where that is known.
    /// - Returns: The entries, and the first break of the chain.
    func chain(
        genesis: String, last: AuditHead? = nil
    ) -> (entries: [AuditEntry], head: AuditHead, broken: ChainBreak?) {
        var entries: [AuditEntry] = []
        var head = AuditHead(sequence: 0, hash: genesis)
        for (index, line) in lines.enumerated() {
            let entry: AuditEntry
            do {
                entry = try SealedJSON.decode(AuditEntry.self, from: line.bytes)
            } catch {
                return (entries, head, ChainBreak(line: index + 1, problem: .unreadable("\(error)")))
            }
            if entry.sequence != index + 1 {
                let problem = ChainBreak.Problem.sequence(found: entry.sequence)
                return (entries, head, ChainBreak(line: index + 1, problem: problem))
            }
            if entry.previous != head.hash {
                return (entries, head, link(after: index, entry, expected: head.hash, last))
            }
            entries.append(entry)
            head = AuditHead(sequence: entry.sequence, hash: line.hash)
        }
        return (entries, head, nil)
    }

    /// Which of two neighbours that do not fit was changed: where the next line accepts the second, it is the first.
    private func link(after index: Int, _ entry: AuditEntry, expected: String, _ last: AuditHead?) -> ChainBreak {
        var nextAccepts = last?.sequence != index + 1 || last?.hash == lines[index].hash
        if index + 1 < lines.count {
            do {
                let next = try SealedJSON.decode(AuditEntry.self, from: lines[index + 1].bytes)
                nextAccepts = next.previous == lines[index].hash
            } catch {
                nextAccepts = false
            }
        }
        return ChainBreak(
            line: nextAccepts ? index : index + 1, problem: .link(expected: entry.previous, found: expected))
    }
}

/// Where lines that are each whole do not form one chain.
struct ChainBreak {
    enum Problem {
        case unreadable(String)
        /// The line carries this number instead of its own.
        case sequence(found: Int)
        /// The line after expects another digest than this line has.
        case link(expected: String, found: String)
    }

    /// The number of the line that was changed; 0 for run.json, which the first line is chained to.
    let line: Int
    let problem: Problem

    var cause: String {
        switch problem {
        case .unreadable(let why): "it cannot be read: \(why)"
        case .sequence(let found) where found > line: "it is number \(found): lines before it were removed or moved"
        case .sequence(let found): "it is number \(found): it was inserted, repeated or moved"
        case .link: "its digest is not the one that the next record of the chain carries"
        }
    }
}
