import ClientKit
import Glibc

/// `retention.jsonl` in the state directory: which runs were exported, and which tombstones were put
/// in the place of runs.
///
/// Each run.json carries size and digest of the list as it stood when the run began, so that a line
/// that is edited, removed or inserted later shows.
struct RetentionList {
    /// One line, about one of both.
    struct Line: ListLine {
        var format: Int? = 1
        /// A run was exported.
        var export: RunExport?
        /// A tombstone is about to be put in the place of a run.
        var tombstone: Notice?
    }

    /// Which tombstone it is.
    struct Notice: Codable, Sendable, Hashable {
        let run: RunID
        let sha256: String
    }

    static let name = "retention.jsonl"

    /// The exports of each run, oldest first.
    private(set) var exports: [RunID: [RunExport]] = [:]
    /// The tombstone of each run that was announced last.
    private(set) var notices: [RunID: Notice] = [:]
    private(set) var findings: [AuditFinding]
    private let list: SealedList<Line>

    /// Reads the list of `state`.
    init(_ state: StateDirectory) throws(JournalError) {
        let path = "\(state.path)/\(Self.name)"
        list = SealedList(at: path, disk: state.disk)
        let (lines, findings) = try SealedList<Line>.read(path)
        self.findings = findings
        var seen: Set<Line.Content> = []
        for (number, line) in lines {
            if !seen.insert(line.content).inserted {
                self.findings.append(AuditFinding(Self.name, line: number, "it is doubled"))
            }
            if let export = line.export { exports[export.run, default: []].append(export) }
            if let notice = line.tombstone { notices[notice.run] = notice }
        }
    }

    /// Adds a line, durably.
    func append(_ line: Line) throws(JournalError) { try list.append(line) }

    /// Size and digest of the list of `state` as it stands, which is durable then; nil where there is none.
    static func facts(of state: StateDirectory) throws(JournalError) -> FileRecord? {
        let path = "\(state.path)/\(name)"
        try SealedList<Line>(at: path, disk: state.disk).sync()
        return try FileFacts(of: path).map { FileRecord(path: name, bytes: $0.bytes, sha256: $0.sha256) }
    }

    /// What is wrong with the list for the runs that found its beginning as `expected` says, from one
    /// pass over it.
    static func findings(
        _ expected: [(run: RunID, list: FileRecord)], in state: StateDirectory
    ) throws(JournalError) -> [RunID: AuditFinding] {
        var findings: [RunID: AuditFinding] = [:]
        guard !expected.isEmpty else { return [:] }
        let file: Descriptor?
        do throws(JournalError) {
            file = try Descriptor.ifPresent("\(state.path)/\(name)", O_RDONLY)
        } catch {
            // The list has its own finding.
            guard error.isForeign else { throw error }
            return [:]
        }
        var (hash, count) = (SHA256(), 0)
        for (run, list) in expected.sorted(by: { $0.list.bytes < $1.list.bytes }) {
            while let file, count < list.bytes {
                let piece = try file.read(upTo: min(1 << 18, list.bytes - count))
                if piece.isEmpty { break }
                hash.update(data: piece)
                count += piece.count
            }
            let digest = hash.finalize().hex
            guard count != list.bytes || digest != list.sha256 else { continue }
            findings[run] = AuditFinding(
                name, "its first \(list.bytes) bytes are not the ones that run \(run) found when it began",
                expected: list.sha256, found: count == list.bytes ? digest : nil, isGap: count < list.bytes)
        }
        return findings
    }
}

extension RetentionList.Line {
    /// What makes two lines the same.
    fileprivate struct Content: Hashable {
        let export: RunExport?
        let tombstone: RetentionList.Notice?
    }

    fileprivate var content: Content { Content(export: export, tombstone: tombstone) }
}
