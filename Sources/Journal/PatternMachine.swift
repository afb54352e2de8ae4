/// Runs a ``PatternGraph`` over bytes, one table look-up each, forwards or backwards: a state is
/// the set of places that the bytes so far may have led to, and is worked out when it is first met.
struct PatternMachine {
    /// The state in which nothing is under way.
    static let idle: Int32 = 0

    /// More states than this are forgotten: no text of ours needs as many, and a hostile one must
    /// not fill the memory.
    private static let mostStates = 4096

    private let width: Int
    private let classes: [UInt8]
    /// For each place, where each set leads to.
    private let firstEdge: [Int32]
    private let edges: [(bytes: Int32, to: Int32)]
    /// For each class of bytes, which sets have it.
    private let hits: [[Bool]]
    /// Where a match may begin at any byte, by the class of that byte; empty where matches are
    /// begun by ``state(of:)``.
    private let entries: [[Int32]]
    private let isGoal: [Bool]
    private let mayBreak: [Bool]
    /// Where each set leads to within a line break, by the place in it.
    private let breakEdges: [[(bytes: Int32, to: LineBreak.Place)]]
    private let isBackwards: Bool

    private var places: [[Int32]] = []
    private var numbers: [[Int32]: Int32] = [:]
    /// Twice the next state, plus one where a goal is reached; -1 where that is not known yet.
    ///
    /// Small numbers, so that the table fits the processor's cache; the way to a state with a
    /// larger one is worked out each time.
    private var table: [Int16] = []
    /// Which goals are reached where the table says so, as a number of ``goals``.
    private var reached: [Int32] = []
    private(set) var goals: [[Int32]] = []
    private var goalNumbers: [[Int32]: Int32] = [:]
    /// What ``unite(_:with:of:)`` found, by both its numbers.
    private var united: [UInt64: Int32] = [:]
    /// The same for ``idle``, by the number alone; -1 where that is not known yet.
    private var begun: [Int32] = []

    init(_ graph: PatternGraph, backwards: Bool) {
        var classNumbers: [[Bool]: UInt8] = [:]
        var classes: [UInt8] = []
        var hits: [[Bool]] = []
        for byte in UInt8.min...UInt8.max {
            let having = graph.sets.map { $0.contains(byte) }
            if let known = classNumbers[having] {
                classes.append(known)
            } else {
                classNumbers[having] = UInt8(hits.count)
                classes.append(UInt8(hits.count))
                hits.append(having)
            }
        }
        self.classes = classes
        self.hits = hits
        width = hits.count
        var counts = [Int32](repeating: 0, count: graph.count + 1)
        for edge in graph.edges { counts[Int(backwards ? edge.to : edge.from) + 1] += 1 }
        for place in counts.indices.dropFirst() { counts[place] += counts[place - 1] }
        var next = counts
        var edges = [(bytes: Int32, to: Int32)](repeating: (0, 0), count: graph.edges.count)
        for edge in graph.edges {
            let place = Int(backwards ? edge.to : edge.from)
            edges[Int(next[place])] = (edge.bytes, backwards ? edge.from : edge.to)
            next[place] += 1
        }
        (firstEdge, self.edges) = (counts, edges)
        var isGoal = [Bool](repeating: false, count: graph.count)
        for place in backwards ? graph.starts : graph.ends { isGoal[Int(place)] = true }
        self.isGoal = isGoal
        mayBreak = graph.mayBreak
        isBackwards = backwards
        breakEdges = graph.breakEdges(backwards: backwards)
        entries = backwards ? [] : Self.entries(graph.starts, counts, edges, hits)
        forget()
    }

    private static func entries(
        _ starts: [Int32], _ firstEdge: [Int32], _ edges: [(bytes: Int32, to: Int32)], _ hits: [[Bool]]
    ) -> [[Int32]] {
        hits.map { hits in
            starts.flatMap { start in
                edges[Int(firstEdge[Int(start)])..<Int(firstEdge[Int(start) + 1])]
                    .filter { hits[Int($0.bytes)] }.map(\.to)
            }
        }
    }

    /// Makes room, where many states are known; those that the caller has do not count afterwards.
    mutating func forgetMany() {
        if places.count > Self.mostStates { forget() }
    }

    private mutating func forget() {
        places = []
        numbers = [:]
        table = []
        reached = []
        united = [:]
        begun = []
        _ = state(of: [])
    }

    /// The places of a state.
    func places(of state: Int32) -> [Int32] { places[Int(state)] }

    /// The number of the state of these places, which are sorted.
    mutating func state(of set: [Int32]) -> Int32 {
        if let known = numbers[set] { return known }
        let number = Int32(places.count)
        places.append(set)
        numbers[set] = number
        table += repeatElement(-1, count: width)
        reached += repeatElement(-1, count: width)
        return number
    }

    /// The state in which also those matches are under way, backwards, that have the goals of this
    /// number.
    mutating func unite(_ state: Int32, with number: Int32, of goals: [[Int32]]) -> Int32 {
        let isBeginning = state == Self.idle
        if isBeginning, number < begun.count, begun[Int(number)] >= 0 { return begun[Int(number)] }
        let key = UInt64(UInt32(state)) << 32 | UInt64(UInt32(number))
        if let known = united[key] { return known }
        let both = Set(places[Int(state)]).union(goals[Int(number)])
        let state = self.state(of: both.sorted())
        united[key] = state
        if isBeginning {
            begun += repeatElement(-1, count: max(0, goals.count - begun.count))
            begun[Int(number)] = state
        }
        return state
    }

    /// Goes on to the state after `byte`; gives the number of the goals that are reached by it, or
    /// -1.
    mutating func step(_ state: inout Int32, _ byte: UInt8) -> Int32 {
        step(&state, kind: classes[Int(byte)])
    }

    private mutating func step(_ state: inout Int32, kind: UInt8) -> Int32 {
        let index = Int(state) * width + Int(kind)
        let entry = Int32(table[index])
        if entry >= 0 {
            state = entry >> 1
            return entry & 1 == 1 ? reached[index] : -1
        }
        return work(&state, kind)
    }

    private static func sortedOnce(_ places: [Int32]) -> [Int32] {
        var sorted: [Int32] = []
        sorted.reserveCapacity(places.count)
        for place in places.sorted() where place != sorted.last { sorted.append(place) }
        return sorted
    }

    private mutating func work(_ state: inout Int32, _ kind: UInt8) -> Int32 {
        var next: [Int32] = []
        let hits = hits[Int(kind)]
        for place in places[Int(state)] { follow(place, by: hits, into: &next) }
        // Where nothing goes on, it is as if the text began here; most texts are of that kind.
        if next.isEmpty, state != Self.idle {
            let index = Int(state) * width + Int(kind)
            state = Self.idle
            let goals = step(&state, kind: kind)
            table[index] = table[Int(kind)]
            reached[index] = goals
            return goals
        }
        if !entries.isEmpty { next += entries[Int(kind)] }
        next = Self.sortedOnce(next)
        // A line break always goes on, in either direction.
        let goals = next.filter { $0 < isGoal.count && isGoal[Int($0)] }
        let going = next.filter { $0 >= isGoal.count || firstEdge[Int($0)] < firstEdge[Int($0) + 1] }
        let number = self.state(of: going)
        let index = Int(state) * width + Int(kind)
        if number <= Int16.max >> 1 { table[index] = Int16(number << 1 | (goals.isEmpty ? 0 : 1)) }
        state = number
        if goals.isEmpty { return -1 }
        reached[index] = self.number(of: goals)
        return reached[index]
    }

    /// Adds the places that a byte with `hits` leads to from `place`.
    private func follow(_ place: Int32, by hits: [Bool], into next: inout [Int32]) {
        if let (part, before) = LineBreak.origin(of: place, count: isGoal.count) {
            followBreak(before: before, at: part, by: hits, into: &next)
            if !isBackwards, part == .indentation {
                // A place's first edge is its digit's.
                let digit = edges[Int(firstEdge[Int(before)])]
                if hits[Int(digit.bytes)] { next.append(digit.to) }
            }
            return
        }
        for edge in edges[Int(firstEdge[Int(place)])..<Int(firstEdge[Int(place) + 1])] where hits[Int(edge.bytes)] {
            next.append(edge.to)
            if isBackwards, mayBreak[Int(edge.to)] {
                next.append(LineBreak.number(of: .indentation, before: edge.to, count: isGoal.count))
            }
        }
        if mayBreak[Int(place)] { followBreak(before: place, at: .before, by: hits, into: &next) }
    }

    private func followBreak(
        before place: Int32, at part: LineBreak.Place, by hits: [Bool], into next: inout [Int32]
    ) {
        for edge in breakEdges[Int(part.rawValue)] where hits[Int(edge.bytes)] {
            next.append(LineBreak.number(of: edge.to, before: place, count: isGoal.count))
        }
    }

    private mutating func number(of set: [Int32]) -> Int32 {
        if let known = goalNumbers[set] { return known }
        goals.append(set)
        goalNumbers[set] = Int32(goals.count - 1)
        return Int32(goals.count - 1)
    }

    /// Runs over `text`, and notes where goals are reached.
    mutating func run(over text: UnsafeBufferPointer<UInt8>, _ ends: inout [End]) -> Int32 {
        var state = Self.idle
        var place = 0
        while place < text.count {
            let stop = classes.withUnsafeBufferPointer { classes in
                table.withUnsafeBufferPointer { table in
                    var entry: Int32 = 0
                    while place < text.count {
                        entry = Int32(table[Int(state) * width + Int(classes[Int(text[place])])])
                        // Unknown, or a goal: both are rare.
                        if entry & 1 != 0 { return entry }
                        state = entry >> 1
                        place += 1
                    }
                    return Int32(0)
                }
            }
            if stop == 0 { break }
            let goals = step(&state, text[place])
            place += 1
            if goals >= 0 { ends.append(End(place: place, goals: goals)) }
        }
        return state
    }
}
