import ClientKit
import Glibc

/// What a run's log says must be in its directory: each announced file with its size and digest,
/// and nothing else.
///
/// A record announces a file while that still has a temporary name, and the file gets its own
/// afterwards. So a file that was announced is always there, under one name or the other, and a
/// file that was not was put there by no run.
struct FileLedger {
    /// What the directory should hold and holds.
    struct Judgement {
        /// Everything that no crash explains.
        var findings: [AuditFinding] = []
        /// Files that a run was about to give their names when it was cut off.
        var unfinished: [(file: FileRecord, temporary: String)] = []
        /// What a run was writing when it was cut off; no record vouches for it.
        var leftovers: [String] = []
        /// Transcripts that are not as announced, as a power cut leaves them.
        var doubts: [AuditFinding] = []
        /// Transcripts of format 1, which records did not announce as files.
        var unannounced: [String] = []
        /// What others than the owner of the run's directory can write, and why.
        var exposed: [(path: String, why: String)] = []
    }

    private let run: RunReader
    /// Whole files by path, with the number of the record that announced them.
    private var expected: [String: (file: FileRecord, record: Int)] = [:]
    private var transcripts: TranscriptLedger
    private var formatOne: FormatOneFiles
    /// The names that the last record was about to change.
    private var renames: [FileRecord] = []
    private var names = PendingNames()
    /// Whether the last record, but for that of a signature, is the run's end.
    private(set) var hasEnded = false
    /// Files that records about a signature announce and may not.
    private var misplaced: [AuditFinding] = []

    init(_ run: RunReader) {
        self.run = run
        transcripts = TranscriptLedger(run)
        formatOne = FormatOneFiles(run)
    }

    /// Takes the next record of the log.
    mutating func read(_ record: AuditRecord) throws(JournalError) {
        renames = []
        hasEnded = record.kind == .runEnd || (hasEnded && record.kind.isOfSignature)
        if record.content.integer("v") == 1 {
            for file in try formatOne.read(record) { expect(file, record.number) }
        } else {
            formatOne.goesOn(with: record.kind)
        }
        let files = try record.files()
        names.read(record, announcing: files)
        try transcripts.begin(record, announcing: files)
        for file in files {
            if try !mayAnnounce(file, in: record) {
                let problem = "it announces \(file.path), which no record about a signature does"
                misplaced.append(AuditFinding("audit.jsonl", line: record.number, problem))
            } else if file.isTranscript {
                try transcripts.read(file, record.number)
            } else {
                expect(file, record.number)
            }
        }
        try transcripts.read(record)
    }

    /// No signature covers the record of the last one: it must not say anew what other files are.
    private func mayAnnounce(_ file: FileRecord, in record: AuditRecord) throws(JournalError) -> Bool {
        guard record.kind.isOfSignature else { return true }
        guard record.kind == .headSigned, file.was == nil, expected[file.path] == nil,
            let head = try record.member("head")?.integer("seq")
        else { return false }
        return HeadSigning.isWritten(file.path, for: head)
    }

    private mutating func expect(_ file: FileRecord, _ record: Int) {
        if let was = file.was {
            expected[was] = nil
            renames.append(file)
        }
        expected[file.path] = (file, record)
    }

    /// Compares the directory with what was read.
    mutating func judge() throws(JournalError) -> Judgement {
        let tree = try RunTree(run.path)
        var judgement = Judgement(findings: misplaced)
        for file in try run.header().content?.announced ?? [] where expected[file.path] == nil {
            expected[file.path] = (file, 0)
        }
        // One that is written at this moment has two names.
        judgement.exposed = tree.exposed.filter { tree.temporaries(of: $0.key).isEmpty && !RunTree.isTemporary($0.key) }
            .sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        var known: Set = ["run.json", "audit.jsonl"]
        for (path, entry) in expected.sorted(by: { $0.key < $1.key }) {
            known.insert(path)
            try judge(entry.file, entry.record, tree, &judgement)
        }
        known.formUnion(judgement.unfinished.map(\.temporary))
        known.formUnion(try transcripts.judge(tree, hasEnded: hasEnded, &judgement))
        known.formUnion(try formatOne.judge(tree, &judgement))
        for path in tree.files.union(tree.others).subtracting(known).sorted() {
            if RunTree.isTemporary(path), tree.files.contains(path) {
                judgement.leftovers.append(path)
            } else {
                judgement.findings.append(AuditFinding(path, "it is foreign: no record of the run announces it"))
            }
        }
        let own = ["checkpoints", "steps", "evidence", HeadSigning.folder]
        let folders = Set(known.map { Disk.split($0).folder } + own)
        for path in tree.folders.subtracting(folders).sorted() where !Self.mayBeEmpty(path) {
            judgement.findings.append(AuditFinding(path, "it is foreign: no run creates such a folder"))
        }
        return judgement
    }

    private static func place(_ record: Int) -> String { record == 0 ? "run.json" : "record \(record)" }

    /// A step's folder of evidence is made before the first file in it is announced.
    private static func mayBeEmpty(_ folder: String) -> Bool {
        folder.hasPrefix("evidence/") && folder.split(separator: "/").count == 2
    }

    private func judge(
        _ file: FileRecord, _ record: Int, _ tree: RunTree, _ judgement: inout Judgement
    ) throws(JournalError) {
        // A name that Unicode takes for the same is in the tree, too, and there is no such file then.
        if tree.files.contains(file.path), let opened = try Descriptor.ifPresent("\(run.path)/\(file.path)", O_RDONLY) {
            let size = try opened.size()
            // A file may have any size and take no space: one that is too large for what was announced is not read.
            if size > max(file.bytes, Disk.largest) {
                judgement.findings.append(
                    AuditFinding(
                        file.path, "it was edited after \(Self.place(record)) announced it",
                        expected: "\(file.bytes) bytes", found: "\(size) bytes"))
                return
            }
            let found = try FileFacts(reading: opened)
            if file.fits(found) { return }
            judgement.findings.append(
                AuditFinding(
                    file.path, "it was edited after \(Self.place(record)) announced it", expected: file.sha256,
                    found: found.sha256))
            return
        }
        let renamed = renames.contains(file) ? [file.was].compactMap(\.self).filter(tree.files.contains) : []
        // One that a record announces as it is was left by an earlier process, whatever is in it.
        // Format 1 did not announce files.
        let mayLackName = names.contains(file.path) || file.bytes < 0
        let temporaries = mayLackName ? tree.temporaries(of: file.path).filter { expected[$0] == nil } : []
        for temporary in temporaries + renamed {
            guard let opened = try Descriptor.ifPresent("\(run.path)/\(temporary)", O_RDONLY) else { continue }
            let size = try opened.size()
            guard file.bytes < 0 || size == file.bytes, file.fits(try FileFacts(reading: opened)) else { continue }
            judgement.unfinished.append((file, temporary))
            return
        }
        if formatOne.mayBeMissing(file, record) { return }
        let isOther = tree.others.contains(file.path) || tree.folders.contains(file.path)
        let thing = isOther ? ", and what has its name is no plain file" : ""
        let problem = "it was removed: \(Self.place(record)) announces it\(thing)"
        judgement.findings.append(AuditFinding(file.path, problem, isGap: true))
    }
}

extension FileRecord {
    /// Whether a file of this size and digest is the announced one; format 1 did not tell sizes.
    func fits(_ facts: FileFacts) -> Bool { facts.sha256 == sha256 && (bytes == facts.bytes || bytes < 0) }
}

extension RunHeader {
    /// The files that are there with run.json, of which a run that was cut off has no record; in
    /// earlier versions that was the plan alone.
    fileprivate var announced: [FileRecord] {
        files ?? plan.map { [FileRecord(path: RunReader.planFile, bytes: -1, sha256: $0)] } ?? []
    }
}
