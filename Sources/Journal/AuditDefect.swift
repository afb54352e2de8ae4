/// Where an audit log stops being what a run wrote.
struct AuditDefect: Error, Sendable, Hashable {
    enum Problem: Sendable, Hashable {
        /// The file ends within the line.
        case cut
        /// The line holds zeros, which a file system leaves where a crash kept data from the disk.
        case zeros
        /// The line is whole, and it does not match its own digest.
        case edited
        /// The line is longer than any record.
        case tooLong
        /// The line is whole, and still no record.
        case unreadable(String)
        /// The line has a format that this version does not know.
        case format(Int)
        /// The line carries this number instead of its own.
        case sequence(found: Int)
        /// The line belongs to another run.
        case otherRun(String)
        /// The line after expects another digest than this line has.
        case link(expected: String, found: String)
    }

    /// The number of the line; 0 for run.json, which the first line is chained to.
    let line: Int
    /// Where the first line begins that does not count.
    let offset: Int
    let problem: Problem
    /// Whether whole lines follow, so that no crash can explain it.
    var isFollowedByWholeLines = false

    /// Whether a crash explains it: the end of the file is missing, and nothing else was touched.
    var isCrash: Bool { [.cut, .zeros].contains(problem) && !isFollowedByWholeLines }

    /// What is wrong, in words.
    var cause: String {
        switch problem {
        case .cut: "the last line is incomplete"
        case .zeros: "it holds zeros instead of a record"
        case .edited: "it does not match its own digest"
        case .tooLong: "it is longer than \(LineReader.longestLine >> 20) MiB, the limit of a record"
        case .unreadable(let why): "it cannot be read: \(why)"
        case .format(let format): FormatCheck.words(format, known: AuditEntry.formats)
        case .otherRun(let run): "it is a record of run \(run)"
        case .sequence(let found) where found > line: "it is number \(found): lines before it were removed or moved"
        case .sequence(let found): "it is number \(found): it was inserted, repeated or moved"
        case .link: "its digest does not match the one in the next record"
        }
    }

    /// The defect as a finding of the verifier.
    var finding: AuditFinding {
        guard case .link(let expected, let found) = problem else {
            return AuditFinding("audit.jsonl", line: line, cause, isGap: isCrash)
        }
        guard line > 0 else {
            let problem = "its digest is not the one in the first line of the log"
            return AuditFinding("run.json", problem, expected: expected, found: found)
        }
        return AuditFinding("audit.jsonl", line: line, cause, expected: expected, found: found)
    }

    /// The defect as the error that reading on throws.
    func error(_ attempt: String, _ run: RunReader) -> JournalError {
        let remedy =
            isCrash
            ? "continue the interrupted run with `runner resume \(run.id)`"
            : "keep \(run.path) for the auditor, and list everything that is wrong with `runner audit verify \(run.id)`"
        if line == 0 {
            let cause = "its digest does not match the one in the audit log's first line"
            return .badState(attempt, "\(run.path)/run.json", cause, remedy: remedy)
        }
        let path = "\(run.path)/audit.jsonl"
        if case .format(let format) = problem {
            return .unknownFormat(path, format: format, known: AuditEntry.formats, line: line)
        }
        return .badState(attempt, path, "line \(line) is damaged: \(cause)", remedy: remedy, line: line)
    }
}

/// Why the next record of a chain cannot be had.
enum ChainFailure: Error {
    case defect(AuditDefect)
    case system(JournalError)
}
