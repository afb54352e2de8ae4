import ClientKit

/// Finds all forms of all known secrets in text, at the same speed whatever the text is.
final class RedactionTable: Sendable {
    /// They learn while they run.
    private struct Machines {
        var forwards: PatternMachine
        var backwards: PatternMachine
    }

    private let machines: Locked<Machines>
    private let graph: PatternGraph

    /// More than this is not held back: no secret of ours is as long, and a text must not fill the
    /// memory.
    static let mostHeldBack = 64 << 10

    init(_ graph: PatternGraph) {
        self.graph = graph
        machines = Locked(
            Machines(
                forwards: PatternMachine(graph, backwards: false), backwards: PatternMachine(graph, backwards: true)))
    }

    /// What a piece of text holds.
    struct Scan {
        /// The ranges of secrets, in order, which neither overlap nor touch; the last may go beyond
        /// ``end``.
        var secrets: [Range<Int>] = []
        /// From where on the text must be kept until more comes; its length where nothing must.
        var end: Int
    }

    /// Whether a text ends with the piece.
    enum Ending {
        /// More may come.
        case open
        /// It ends there.
        case complete
        /// It ends there and may have been cut off: the beginning of a secret at its end is one
        /// too.
        case cut
    }

    /// Looks through `text`.
    func scan(_ text: UnsafeBufferPointer<UInt8>, _ ending: Ending) -> Scan {
        machines.withLock { machines in
            machines.forwards.forgetMany()
            machines.backwards.forgetMany()
            var ends: [PatternMachine.End] = []
            let last = machines.forwards.run(over: text, &ends)
            let open = machines.forwards.places(of: last)
            var scan = Scan(end: text.count)
            if ending == .open, !open.isEmpty {
                let begin = machines.backwards.begin(of: open, in: text)
                if text.count - begin <= Self.mostHeldBack { scan.end = begin }
            }
            scan.secrets = machines.backwards.ranges(
                endingAt: ends, of: machines.forwards.goals, in: text)
            if ending == .cut {
                let shown = open.filter(graph.reveals)
                let begin = machines.backwards.begin(of: shown, in: text)
                if begin < text.count { scan.secrets.insert(begin..<text.count, at: 0) }
            }
            scan.secrets = Self.joined(scan.secrets)
            return scan
        }
    }

    /// Ranges in order, those that touch made one.
    private static func joined(_ ranges: [Range<Int>]) -> [Range<Int>] {
        var joined: [Range<Int>] = []
        // They were found from the end on, and are nearly in that order.
        var ranges = ranges
        ranges.reverse()
        let isSorted = zip(ranges, ranges.dropFirst()).allSatisfy { $0.lowerBound <= $1.lowerBound }
        if !isSorted { ranges.sort { $0.lowerBound < $1.lowerBound } }
        for range in ranges where !range.isEmpty {
            if let last = joined.last, range.lowerBound <= last.upperBound {
                joined[joined.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                joined.append(range)
            }
        }
        return joined
    }
}

extension PatternMachine {
    /// A place in a text where matches end.
    struct End {
        let place: Int
        /// The number of their goals.
        let goals: Int32
    }

    /// Where the earliest match begins that has led to `places` at the end of the text; run
    /// backwards.
    fileprivate mutating func begin(of places: [Int32], in text: UnsafeBufferPointer<UInt8>) -> Int {
        var begin = text.count
        var place = text.count
        var state = self.state(of: places)
        while state != Self.idle, place > 0 {
            place -= 1
            if step(&state, text[place]) >= 0 { begin = place }
        }
        return begin
    }

    /// The ranges of the matches that end at `ends`; run backwards.
    ///
    /// Matches that overlap on the way back are followed together and give one range.
    fileprivate mutating func ranges(
        endingAt ends: [End], of goals: [[Int32]], in text: UnsafeBufferPointer<UInt8>
    ) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var rest = ends.count
        // Longer matches that end further on; hardly ever any.
        var others: [BackwardSearch] = []
        while rest > 0 {
            rest -= 1
            var search = begin(at: ends[rest], goals)
            var place = ends[rest].place
            while place > 0, search.state != Self.idle || !others.isEmpty {
                place -= 1
                if step(&search.state, text[place]) >= 0 { search.begin = place }
                if !others.isEmpty { follow(&others, text[place], at: place, &ranges) }
                guard rest > 0, ends[rest - 1].place == place else { continue }
                rest -= 1
                if search.isFound, others.count < 8 {
                    if search.state == Self.idle { ranges.append(search.range) } else { others.append(search) }
                    search = begin(at: ends[rest], goals)
                } else {
                    search.state = unite(search.state, with: ends[rest].goals, of: goals)
                }
            }
            ranges.append(search.range)
            for other in others { ranges.append(other.range) }
            others.removeAll(keepingCapacity: true)
        }
        return ranges
    }

    private mutating func begin(at end: End, _ goals: [[Int32]]) -> BackwardSearch {
        BackwardSearch(state: unite(Self.idle, with: end.goals, of: goals), end: end.place)
    }

    private mutating func follow(
        _ searches: inout [BackwardSearch], _ byte: UInt8, at place: Int, _ ranges: inout [Range<Int>]
    ) {
        var isOver = false
        for index in searches.indices {
            if step(&searches[index].state, byte) >= 0 { searches[index].begin = place }
            isOver = isOver || searches[index].state == Self.idle
        }
        guard isOver else { return }
        for search in searches where search.state == Self.idle { ranges.append(search.range) }
        searches.removeAll { $0.state == Self.idle }
    }
}

/// Where matches are followed back to their beginnings.
private struct BackwardSearch {
    var state: Int32
    let end: Int
    var begin: Int

    init(state: Int32, end: Int) {
        self.state = state
        self.end = end
        begin = end
    }

    /// Whether a match was found; others that end at the same place may be longer.
    var isFound: Bool { begin < end }

    var range: Range<Int> { begin..<end }
}
