import ClientKit
import Glibc

/// Follows the transcripts of a run along with its log: each record that announces how far one was
/// written is compared with the file while the log is read, so that no file is read twice.
///
/// A power cut may spare a record and not the transcript that it announces: until the next record that
/// is durable, nothing orders the two on the disk. So what a record announces is required only once the
/// log shows that a durable record after it was followed by another of the same process; until then a
/// transcript that is short is a doubt, which the next process settles when it announces what is there.
struct TranscriptLedger {
    private struct Cursor {
        var hash = SHA256()
        var position = 0
        var record = 0
        var isBad = false
        /// Whether what was read has zeros, which no transcript has.
        var hasZeros = false
    }

    private let run: RunReader
    private var cursors: [String: Cursor] = [:]
    private var findings: [AuditFinding] = []
    /// How far each transcript is surely on the disk, and what was found since, by transcript.
    private var settled: [String: Cursor] = [:]
    private var doubts: [String: AuditFinding] = [:]
    private var durability = Durability()
    /// The transcripts that commands were about to write to, and the commands that have not ended.
    private var begun: Set<String> = []
    /// Those that records of format 1 mention, which did not announce them.
    private var unannounced: Set<String> = []
    private var underWay: Set<Int> = []
    private var lastRecord = 0
    /// The one file that is open: commands of one step follow one another.
    private var open: (path: String, file: Descriptor)?

    init(_ run: RunReader) {
        self.run = run
    }

    /// Takes the next record, before the files that it announces.
    mutating func begin(_ record: AuditRecord, announcing files: [FileRecord]) throws(JournalError) {
        if try durability.isShown(by: record) { settle() }
        guard record.kind == .runResume else { return }
        for file in files where doubts[file.path] != nil || (cursors[file.path]?.position ?? 0) > file.bytes {
            // Longer than announced: the process wrote the very bytes that a power cut had taken.
            doubts[file.path] = nil
            cursors[file.path] = settled[file.path]
        }
    }

    private mutating func settle() {
        findings += doubts.sorted { $0.key < $1.key }.map(\.value)
        doubts = [:]
        settled = cursors
    }

    /// Takes note of a command that begins or ends.
    mutating func read(_ record: AuditRecord) throws(JournalError) {
        // A torn tail is told before the next process announces what it found of transcripts.
        if record.kind != .tornTail { lastRecord = record.number }
        switch record.kind {
        case .commandStart:
            let path = "steps/\(record.content.text("step") ?? RunReader.outside).log"
            begun.insert(path)
            if record.content.integer("v") == 1 { unannounced.insert(path) }
            underWay.insert(record.number)
        case .commandEnd: if let start = durability.ended { underWay.remove(start) }
        case .runResume: underWay = []
        default: break
        }
    }

    /// Compares a transcript with how far a record says it was written.
    mutating func read(_ file: FileRecord, _ record: Int) throws(JournalError) {
        // Taken out, so that the digest goes on in place: where the dictionary has it too, it is copied first.
        var cursor = cursors.removeValue(forKey: file.path) ?? Cursor()
        defer { cursors[file.path] = cursor }
        if cursor.isBad { return }
        unannounced.remove(file.path)
        let begin = cursor.position
        try advance(&cursor, to: file)
        if cursor.position == file.bytes, cursor.hash.finalize().hex == file.sha256 {
            cursor.record = record
            return
        }
        cursor.isBad = true
        if cursor.position < file.bytes {
            let problem = "it was cut or removed: record \(record) announces \(file.bytes) bytes of it"
            doubts[file.path] = AuditFinding(file.path, problem, found: "\(cursor.position) bytes", isGap: true)
        } else {
            let part = "between byte \(begin + 1) and byte \(file.bytes), which record \(record) announces"
            let finding = AuditFinding(
                file.path, "it was edited \(part)", expected: file.sha256, found: cursor.hash.finalize().hex)
            doubts[file.path] = finding
        }
    }

    private mutating func advance(_ cursor: inout Cursor, to file: FileRecord) throws(JournalError) {
        guard let descriptor = try descriptor(file.path) else { return }
        while cursor.position < file.bytes {
            let piece = try descriptor.read(upTo: min(file.bytes - cursor.position, 1 << 18), at: cursor.position)
            if piece.isEmpty { return }
            cursor.hash.update(data: piece)
            cursor.position += piece.count
            cursor.hasZeros = cursor.hasZeros || piece.contains(0)
        }
    }

    private mutating func descriptor(_ path: String) throws(JournalError) -> Descriptor? {
        if let open, open.path == path { return open.file }
        open = nil
        guard let file = try Descriptor.ifPresent("\(run.path)/\(path)", O_RDONLY) else { return nil }
        open = (path, file)
        return file
    }

    /// Judges what no record announces; gives the paths of all transcripts that a run wrote.
    mutating func judge(
        _ tree: RunTree, hasEnded: Bool, _ judgement: inout FileLedger.Judgement
    ) throws(JournalError) -> Set<String> {
        // The outcome gets its name once its record, and all before it, are on the disk.
        if hasEnded, tree.files.contains("outcome.json") { settle() }
        // No process has gone on since, which would have written after what was left.
        let explained = doubts.filter { $1.isGap || cursors[$0]?.hasZeros == true }
        if explained.count < doubts.count {
            doubts = doubts.filter { explained[$0.key] == nil }
            settle()
            doubts = explained
        }
        judgement.findings += findings
        judgement.doubts += doubts.sorted { $0.key < $1.key }.map(\.value)
        // A power cut may keep the record of a command from the disk whose transcript is there.
        let others = hasEnded ? [] : tree.files.filter { $0.hasPrefix("steps/") && $0.hasSuffix(".log") }
        let known = begun.union(cursors.keys).union(others)
        for path in known.sorted() where tree.files.contains(path) {
            let cursor = cursors[path] ?? Cursor()
            if cursor.isBad { continue }
            if unannounced.contains(path) {
                judgement.unannounced.append(path)
                continue
            }
            guard let file = try descriptor(path) else { continue }
            try file.seek(to: cursor.position)
            var lines = LineReader(file, offset: cursor.position)
            guard let foreign = try firstForeignLine(&lines, hasEnded: hasEnded) else {
                let isEmpty = lines.offset + lines.rest.count == cursor.position
                if !isEmpty || cursor.record == 0 { judgement.leftovers.append(path) }
                continue
            }
            let place = "after byte \(cursor.position), up to which record \(cursor.record) announces it"
            judgement.findings.append(AuditFinding(path, "\(foreign) was added \(place)"))
        }
        return known
    }

    /// After what the last record announces there may only be what commands wrote that were under
    /// way when the run was cut off.
    private func firstForeignLine(_ lines: inout LineReader, hasEnded: Bool) throws(JournalError) -> String? {
        while let bytes = try lines.next() {
            guard !hasEnded else { return "a line" }
            guard let line = TranscriptLine(bytes) else {
                if bytes.isEmpty || bytes.contains(0) { continue }
                return "a line"
            }
            let isOpening = [.begin, .purpose, .command].contains(line.kind)
            let mayFollow = line.command > lastRecord || (underWay.contains(line.command) && !isOpening)
            if !mayFollow { return "a line that command \(line.command) did not write" }
        }
        return hasEnded && !lines.rest.isEmpty ? "a piece of a line" : nil
    }
}
