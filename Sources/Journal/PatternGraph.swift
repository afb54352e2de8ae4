/// All forms that secrets may have in a text, as a graph: each path from a start to an end is one
/// way of writing one of them.
///
/// Enumerating the forms would miss texts that mix them (each program escapes another set of
/// characters).
struct PatternGraph: Sendable {
    /// A step from one place to another, taken by any byte of a set.
    struct Edge: Sendable {
        let bytes: Int32
        let from: Int32
        let to: Int32
    }

    /// The sets of bytes that edges are taken by, each once.
    private(set) var sets: [ByteSet] = []
    private(set) var edges: [Edge] = []
    private(set) var starts: [Int32] = []
    private(set) var ends: [Int32] = []
    /// Whether so much of a secret lies behind a place that a text that ends there must not show
    /// it.
    private var reveals: [Bool] = []
    /// Whether a ``LineBreak`` may come before the digit of base64 that leads on from a place.
    private(set) var mayBreak: [Bool] = []
    private var setNumbers: [ByteSet: Int32] = [:]

    /// Begins with the forms that are secret whatever they hold.
    init() {
        for edge in LineBreak.edges { _ = number(of: edge.bytes) }
        addVerifiers()
    }

    /// Where each set leads to within a line break, by the place in it.
    func breakEdges(backwards: Bool) -> [[(bytes: Int32, to: LineBreak.Place)]] {
        LineBreak.Place.allCases.map { place in
            LineBreak.edges.compactMap { edge in
                guard let bytes = setNumbers[edge.bytes], place == (backwards ? edge.to : edge.from) else {
                    return nil
                }
                return (bytes, backwards ? edge.from : edge.to)
            }
        }
    }

    /// Adds all forms of a secret.
    mutating func add(_ secret: String) {
        add(escaped: secret)
        // Of a text as long as a private key, each line is a secret of its own.
        if secret.utf8.count > 256, secret.contains(where: \.isNewline) {
            add(hexadecimal: Array(secret.utf8))
            return
        }
        for form in SecretForms.escaped(secret) { add(hexadecimal: form) }
        let common = SecretForms.common(secret)
        for form in common { add(base64: form, isNested: true) }
        for form in SecretForms.all(secret).subtracting(common) { add(base64: form, isNested: false) }
    }

    /// How many places there are; those within line breaks have higher numbers.
    var count: Int { reveals.count }

    /// A new place.
    mutating func place(reveals: Bool = false) -> Int32 {
        self.reveals.append(reveals)
        mayBreak.append(false)
        return Int32(count - 1)
    }

    /// A line break may come before what the first edge from `place` takes.
    mutating func allowLineBreak(at place: Int32) { mayBreak[Int(place)] = true }

    /// Whether a text that ends at `place` must not show what led there.
    func reveals(at place: Int32) -> Bool {
        reveals[Int(LineBreak.origin(of: place, count: count)?.before ?? place)]
    }

    /// A new place where a secret begins.
    mutating func start() -> Int32 {
        let start = place()
        starts.append(start)
        return start
    }

    /// A secret may end at `place`.
    mutating func end(at place: Int32) { ends.append(place) }

    private mutating func number(of bytes: ByteSet) -> Int32 {
        if let known = setNumbers[bytes] { return known }
        let number = Int32(sets.count)
        sets.append(bytes)
        setNumbers[bytes] = number
        return number
    }

    /// Joins two places.
    mutating func join(_ from: Int32, to: Int32, by bytes: ByteSet) {
        edges.append(Edge(bytes: number(of: bytes), from: from, to: to))
    }

    /// Joins two places by a row of sets, through new places.
    mutating func join(_ from: Int32, to: Int32, byRow row: [ByteSet]) {
        var from = from
        for bytes in row.dropLast() {
            let next = place(reveals: reveals(at: from))
            join(from, to: next, by: bytes)
            from = next
        }
        if let last = row.last { join(from, to: to, by: last) }
    }
}
