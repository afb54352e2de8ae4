import ClientKit

/// Compares the files of a run with what a whole and chained log says about them.
struct FileJudge {
    let run: RunReader
    let entries: [AuditEntry]

    func findings() throws(JournalError) -> [AuditFinding] {
        try outcomes() + checkpoints() + keptFiles() + transcripts()
    }

    /// Each checkpoint was announced with its digest, and what was announced is there unless the run ended at that moment.
    private func checkpoints() throws(JournalError) -> [AuditFinding] {
        var announced: [String: (digest: String, isExcused: Bool)] = [:]
        for (index, entry) in entries.enumerated() {
            guard let step = entry.step else { continue }
            if entry.kind == .checkpoint {
                let next = index + 1 < entries.count ? entries[index + 1] : nil
                let wasCut = next.map { [.runResume, .tornTail, .runEnd, .warning].contains($0.kind) } ?? true
                announced[step] = (entry.details?["sha256"] ?? "", wasCut)
            } else if entry.kind == .checkpointWithdrawn {
                announced[step] = nil
            }
        }
        var findings: [AuditFinding] = []
        let files = try Disk.names(in: "\(run.path)/checkpoints").filter { $0.hasSuffix(".json") }
        for name in files {
            let file = "checkpoints/\(name)"
            let found = SHA256.hash(data: try Disk.read("\(run.path)/\(file)") ?? []).hex
            let expected = announced.removeValue(forKey: String(name.dropLast(5)))?.digest
            if let expected, expected != found {
                findings.append(AuditFinding(file, "it was edited", expected: expected, found: found))
            } else if expected == nil {
                findings.append(AuditFinding(file, "the log does not know it: no run wrote it"))
            }
        }
        for (step, record) in announced.sorted(by: { $0.key < $1.key }) where !record.isExcused {
            findings.append(AuditFinding("checkpoints/\(step).json", "it was removed"))
        }
        return findings
    }

    /// Each outcome says what the last record of its process says.
    private func outcomes() throws(JournalError) -> [AuditFinding] {
        var all = [("outcome.json", try run.outcome())]
        for (index, earlier) in try run.earlierOutcomes().enumerated() {
            all.append((RunReader.earlierOutcome(index + 1), earlier))
        }
        var findings: [AuditFinding] = []
        for (name, file) in all {
            guard let outcome = file.content, entries.indices.contains(outcome.audit.sequence - 1) else { continue }
            let record = entries[outcome.audit.sequence - 1]
            let details = RunEndDetails.make(exitCode: outcome.exitCode, counts: outcome.counts)
            let isSame =
                record.kind == .runEnd && record.result == outcome.result.rawValue && record.text == outcome.error
                && record.step == outcome.step && record.details == details
            if !isSame { findings.append(AuditFinding(name, "it does not say what the log's last record says")) }
        }
        return findings
    }

    /// Evidence of failures, and ends of the log that were set aside.
    private func keptFiles() throws(JournalError) -> [AuditFinding] {
        var findings: [AuditFinding] = []
        for entry in entries where entry.kind == .evidence || entry.kind == .tornTail {
            guard let file = entry.details?["file"], let expected = entry.details?["sha256"] else { continue }
            // A file that is not there may never have been written: the record comes first.
            guard let bytes = try Disk.read("\(run.path)/\(file)") else { continue }
            let found = SHA256.hash(data: bytes).hex
            if found != expected {
                findings.append(AuditFinding(file, "it was edited", expected: expected, found: found))
            }
        }
        return findings
    }

    /// The output of each command, put together from the transcript, has the digest its end record carries.
    private func transcripts() throws(JournalError) -> [AuditFinding] {
        var findings: [AuditFinding] = []
        let ended = entries.filter { $0.end != nil }
        for (label, records) in Dictionary(grouping: ended, by: { $0.step ?? RunReader.outside }) {
            let found = try TranscriptDigests(path: run.transcriptPath(of: label)).byCommand
            for record in records {
                guard let end = record.end, end.transcriptFailure == nil else { continue }
                let digests = found[end.start] ?? (nil, nil)
                for (name, expected, actual) in [
                    ("standard output", end.stdout, digests.stdout), ("standard error", end.stderr, digests.stderr),
                ] where expected != actual {
                    findings.append(
                        AuditFinding(
                            "steps/\(label).log", "the \(name) of command \(end.start) is not what came back then",
                            expected: expected?.sha256 ?? "nothing", found: actual?.sha256))
                }
            }
        }
        return findings.sorted { $0.file < $1.file }
    }
}

/// The digests of the output of every command in a transcript, read in pieces.
struct TranscriptDigests {
    private(set) var byCommand: [Int: (stdout: ContentDigest?, stderr: ContentDigest?)] = [:]

    private struct Running {
        var hash = SHA256()
        var count = 0

        mutating func add(_ bytes: ArraySlice<UInt8>, newline: Bool) {
            hash.update(data: bytes)
            count += bytes.count
            guard newline else { return }
            hash.update(data: [UInt8(ascii: "\n")])
            count += 1
        }

        var digest: ContentDigest? { count == 0 ? nil : ContentDigest(bytes: count, sha256: hash.finalize().hex) }
    }

    init(path: String) throws(JournalError) {
        var running: [Int: (stdout: Running, stderr: Running)] = [:]
        guard let file = try TranscriptReader.open(path) else { return }
        try TranscriptReader.forEachLine(of: file) { line in
            guard let line = TranscriptLine(line) else { return }
            var own = running.removeValue(forKey: line.command) ?? (Running(), Running())
            switch line.kind {
            case .output: own.stdout.add(line.content, newline: true)
            case .outputPiece: own.stdout.add(line.content, newline: false)
            case .error: own.stderr.add(line.content, newline: true)
            case .errorPiece: own.stderr.add(line.content, newline: false)
            case .begin, .purpose, .command, .end: break
            }
            running[line.command] = own
        }
        byCommand = running.mapValues { ($0.stdout.digest, $0.stderr.digest) }
    }
}
