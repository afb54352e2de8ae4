/// Gives the commands of a run in the order they began, each with its result, reading the log once
/// and only what is new of it.
public struct CommandReader {
    private let chain: AuditChain
    /// Commands that were not given yet: the first has not ended.
    private var waiting: ArraySlice<RecordedCommand> = []
    private var places: [Int: Int] = [:]

    /// Begins with the first command of `run`.
    public init(_ run: RunReader) throws(JournalError) {
        chain = try run.records()
    }

    /// The next command; nil where there is no more.
    ///
    /// - Parameters:
    ///   - isGrowing: Whether the run is under way: then a last line without its end is being written.
    ///   - isWaiting: Whether a command that has not ended is waited for, and with it those after it;
    ///     else its result is unknown.
    public mutating func next(isGrowing: Bool = false, isWaiting: Bool = false) throws(JournalError) -> RecordedCommand?
    {
        while waiting.first.map({ $0.end == nil }) ?? true {
            guard let record = try chain.next(isGrowing: isGrowing) else {
                if isWaiting || waiting.isEmpty { return nil }
                break
            }
            try read(record)
        }
        guard let next = waiting.popFirst() else { return nil }
        places[next.sequence] = nil
        return next
    }

    private mutating func read(_ record: AuditRecord) throws(JournalError) {
        guard record.kind == .commandStart || record.kind == .commandEnd else { return }
        let entry = try record.entry()
        if case .commandStart(let start) = entry.content {
            if waiting.isEmpty { waiting = [] }
            places[entry.sequence] = waiting.endIndex
            waiting.append(
                RecordedCommand(
                    sequence: entry.sequence, time: entry.time, step: entry.step, start: start, end: nil))
        } else if case .commandEnd(let end) = entry.content, let place = places[end.start] {
            waiting[place].end = end
        }
    }
}
