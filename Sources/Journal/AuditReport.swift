/// Something that shows a record was edited, removed, moved or cut.
public struct AuditFinding: Sendable, Hashable, Codable, CustomStringConvertible {
    /// The file, relative to the run's directory; what belongs to no run, relative to the state
    /// directory.
    public let file: String
    /// The number of the bad line, where the file has lines.
    public let line: Int?
    /// What is wrong, in words.
    public let problem: String
    /// What the records say it should be, where there is such a thing: a digest, a number.
    public let expected: String?
    /// What it is.
    public let found: String?
    /// Whether something is missing, rather than edited or foreign.
    public let isGap: Bool

    /// `audit.jsonl, line 7: …`.
    public var description: String {
        let place = line.map { "\(file), line \($0)" } ?? file
        let detail = expected.map { " (expected \($0), found \(found ?? "nothing"))" } ?? ""
        return "\(place): \(problem)\(detail)"
    }

    /// That there is something in the place of `file` that no run puts there; throws any other error again.
    init(foreign error: JournalError, _ file: String) throws(JournalError) {
        guard error.isForeign else { throw error }
        self.init(file, error.cause)
    }

    init(
        _ file: String, line: Int? = nil, _ problem: String, expected: String? = nil, found: String? = nil,
        isGap: Bool = false
    ) {
        self.file = file
        self.line = line
        self.problem = problem
        self.expected = expected
        self.found = found
        self.isGap = isGap
    }
}

/// What ``AuditVerifier`` says about a run.
public struct AuditReport: Sendable, Hashable, Codable {
    /// The run.
    public let run: RunID
    /// How many lines of the log are whole and chained.
    public let lines: Int
    /// The last of them.
    public let head: AuditHead
    /// Whether the log ends with the end of the run.
    ///
    /// Otherwise the run is under way, or was cut off, and the log itself cannot show whether that was done to the run or
    /// to its record.
    public let hasEnded: Bool
    /// Everything that is wrong; the first bad line of the log comes first.
    public internal(set) var findings: [AuditFinding]
    /// What a crash left, and no record vouches for.
    public let notes: [String]
    /// The number of the last line that something outside the log vouches for: what comes after it
    /// could have been cut off or rewritten without a trace, unless the caller knows a later head.
    public let anchoredUpTo: Int
    /// Whether the operator's key vouches for the log; nil where nobody asked.
    public let authenticity: Authenticity?
    /// The directories that the run set aside when it began.
    let setAside: [SetAsideDirectory]

    /// Whether nothing is wrong with the record and the files of the run.
    public var isIntact: Bool { findings.isEmpty }

    /// Whether all that was asked for holds.
    public var holds: Bool { isIntact && authenticity?.holds ?? true }
}

/// What ``AuditVerifier`` says about a state directory.
public struct StateReport: Sendable, Codable {
    /// Of each run, newest first.
    public let runs: [AuditReport]
    /// What stays of the runs that were pruned, newest first.
    public let pruned: [Tombstone]
    /// What is wrong with the directory itself: runs that were removed, folders that no run made.
    public let findings: [AuditFinding]
    /// What runs left that never began.
    public let notes: [String]

    /// Puts a report together.
    public init(
        runs: [AuditReport], pruned: [Tombstone] = [], findings: [AuditFinding], notes: [String]
    ) {
        self.runs = runs
        self.pruned = pruned
        self.findings = findings
        self.notes = notes
    }

    /// Whether nothing is wrong.
    public var isIntact: Bool { allFindings.isEmpty }

    /// What is wrong with the directory, and with each run.
    var allFindings: [AuditFinding] { findings + runs.flatMap(\.findings) }

    /// Whether all that was asked for holds.
    public var holds: Bool { findings.isEmpty && runs.allSatisfy(\.holds) }
}
