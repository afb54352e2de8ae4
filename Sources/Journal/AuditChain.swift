import ClientKit
import Glibc

/// The one reader of audit logs: gives the records in their order, each only once it is known to be
/// whole, strict JSON, and to follow from the one before, and throws where the chain ends otherwise
/// than at the end of the file.
///
/// It holds no more than a piece of the file in memory, and goes on reading where the file has
/// grown. It is confined to one task.
public final class AuditChain {
    private let run: RunReader
    private let attempt: String
    private var lines: LineReader?
    private var failure: AuditDefect?
    /// Places known from elsewhere: they tell which of the last two lines was changed where these
    /// do not fit.
    private let known: [AuditAnchor]
    /// SHA-256 of run.json, to which the first line is chained.
    let genesis: String
    /// Where the chain stands after the last record that was given.
    public private(set) var head: AuditHead

    /// Begins with the first record of `run`; a log that is not there yet has no records.
    init(_ run: RunReader, attempt: String = "read", known: [AuditAnchor] = []) throws(JournalError) {
        self.run = run
        self.attempt = attempt
        self.known = known
        genesis = try Disk.digest(of: "\(run.path)/run.json") ?? SHA256().finalize().hex
        head = AuditHead(sequence: 0, hash: genesis)
        try open()
    }

    /// The format of the last record: an earlier version of runner does not go on with what a later one began.
    private var format = 0

    /// Whether there is a log at all.
    var isMissing: Bool { lines == nil }

    /// Where the first line begins that was not given yet.
    var offset: Int { lines?.offset ?? 0 }

    private func open() throws(JournalError) {
        lines = try Descriptor.ifPresent("\(run.path)/audit.jsonl", O_RDONLY).map { LineReader($0) }
    }

    /// The next record; nil at the end of the log.
    ///
    /// - Parameter isGrowing: Whether the run is under way: then a last line without an end is one
    ///   that is being written, and the next call gives it.
    public func next(isGrowing: Bool = false) throws(JournalError) -> AuditRecord? {
        do throws(ChainFailure) {
            return try step(isGrowing: isGrowing)
        } catch {
            switch error {
            case .system(let error): throw error
            case .defect(let defect): throw defect.error(attempt, run)
            }
        }
    }

    /// The next record, with the defect itself where there is one; it is thrown again by every
    /// later call.
    func step(isGrowing: Bool = false) throws(ChainFailure) -> AuditRecord? {
        if let failure { throw .defect(failure) }
        if lines == nil { try system { () throws(JournalError) in try open() } }
        let start = offset
        guard let line = try line() else {
            guard let lines, !lines.rest.isEmpty else { return nil }
            if isGrowing, !lines.isTooLong { return nil }
            throw try fail(.init(problem: lines.isTooLong ? .tooLong : cutProblem(lines.rest)), at: start)
        }
        let candidate: AuditRecord.Candidate
        do throws(AuditDefect.Unfit) {
            candidate = try AuditRecord.candidate(line)
        } catch {
            throw try fail(error, at: start)
        }
        if candidate.format < format {
            let problem = "it has format \(candidate.format), and the one before it \(format)"
            throw try fail(.init(problem: .unreadable(problem)), at: start)
        }
        if candidate.run.elementsEqual(run.id.description.utf8) == false {
            let other = String(decoding: candidate.run, as: UTF8.self)
            throw try fail(.init(problem: .otherRun(other)), at: start)
        }
        if candidate.sequence != head.sequence + 1 {
            throw try fail(.init(problem: .sequence(found: candidate.sequence)), at: start)
        }
        if !candidate.previous.elementsEqual(head.hash.utf8) { throw try unlinked(candidate, at: start) }
        let record = AuditRecord(candidate, run: run)
        head = record.head
        format = candidate.format
        return record
    }

    /// A line that only lacks its newline, and was edited, was not cut off by a crash.
    private func cutProblem(_ line: ArraySlice<UInt8>) -> AuditDefect.Problem {
        SealedJSON.hasSeal(line) && SealedJSON.digestOfWholeLine(line) == nil ? .edited : .cut
    }

    /// Which of two neighbours that do not fit was changed: where the next line accepts the second,
    /// it is the first.
    private func unlinked(_ candidate: AuditRecord.Candidate, at start: Int) throws(ChainFailure) -> ChainFailure {
        let number = candidate.sequence
        let hash = candidate.digest.hex
        var accepted = known.allSatisfy { $0.sequence != number || $0.hash == hash }
        if let line = try line() {
            do throws(AuditDefect.Unfit) {
                accepted = try AuditRecord.candidate(line).previous.elementsEqual(hash.utf8)
            } catch {
                accepted = false
            }
        }
        let expected = String(decoding: candidate.previous, as: UTF8.self)
        let problem = AuditDefect.Problem.link(expected: expected, found: head.hash)
        return .defect(keep(AuditDefect(line: accepted ? number - 1 : number, offset: start, problem: problem)))
    }

    private func fail(_ unfit: AuditDefect.Unfit, at start: Int) throws(ChainFailure) -> ChainFailure {
        var defect = AuditDefect(line: head.sequence + 1, offset: start, problem: unfit.problem)
        defect.isFollowedByWholeLines = try wholeLineFollows()
        return .defect(keep(defect))
    }

    private func keep(_ defect: AuditDefect) -> AuditDefect {
        failure = defect
        return defect
    }

    private func wholeLineFollows() throws(ChainFailure) -> Bool {
        while true {
            if let line = try line() {
                if SealedJSON.digestOfWholeLine(line) != nil { return true }
            } else {
                let isLong = lines?.isTooLong ?? false
                let goesOn = try system { () throws(JournalError) in isLong ? try lines?.skipLine() ?? false : false }
                if !goesOn { return false }
            }
        }
    }

    private func line() throws(ChainFailure) -> ArraySlice<UInt8>? {
        try system { () throws(JournalError) in try lines?.next() }
    }

    private func system<T>(_ body: () throws(JournalError) -> T) throws(ChainFailure) -> T {
        do throws(JournalError) { return try body() } catch { throw .system(error) }
    }
}
