/// All patterns of all known secrets, with what is needed to pass quickly over text that holds none.
///
/// A place is looked at closely only if its first three bytes may begin a pattern: two bitmaps over pairs of bytes say so.
struct RedactionTable: Sendable {
    private let patterns: [SecretPattern]
    /// The patterns that may begin with a byte, once escapes are undone.
    private let starting: [[Int]]
    /// The patterns that begin with a character beyond ASCII.
    private let startingWide: [Int]
    private let roles: [Role.RawValue]
    /// Bit `256 * first + second`.
    private let firstPairs: [UInt64]
    /// Bit `256 * second + third`.
    private let secondPairs: [UInt64]

    private enum Role: UInt8 {
        case other, start, escape
    }

    var isEmpty: Bool { patterns.isEmpty }

    init(_ secrets: some Collection<String>) {
        patterns = secrets.flatMap(SecretPattern.all)
        var starting = [[Int]](repeating: [], count: 256)
        var startingWide: [Int] = []
        var roles = [Role.RawValue](repeating: Role.other.rawValue, count: 256)
        var firstPairs = [UInt64](repeating: 0, count: 1024)
        var secondPairs = firstPairs
        for (index, pattern) in patterns.enumerated() {
            if pattern.units[0].wide != nil { startingWide.append(index) }
            let firsts = pattern.units[0].choices
            for byte in firsts { starting[Int(byte)].append(index) }
            let seconds = Self.possible(pattern, 1)
            let thirds = Self.possible(pattern, 2)
            for first in firsts + (firsts.contains(UInt8(ascii: " ")) ? [UInt8(ascii: "+")] : []) {
                roles[Int(first)] = Role.start.rawValue
                for second in seconds { Self.set(&firstPairs, first, second) }
            }
            for second in seconds {
                for third in Self.following(second, seconds, thirds) { Self.set(&secondPairs, second, third) }
            }
        }
        if !patterns.isEmpty {
            for byte in [UInt8(ascii: "%"), UInt8(ascii: "\\")] { roles[Int(byte)] = Role.escape.rawValue }
        }
        starting[Int(UInt8(ascii: "+"))] += starting[Int(UInt8(ascii: " "))]
        self.starting = starting
        self.startingWide = startingWide
        self.roles = roles
        self.firstPairs = firstPairs
        self.secondPairs = secondPairs
    }

    /// The bytes that may stand at the place of a unit, its own or the first of an escape.
    private static func possible(_ pattern: SecretPattern, _ index: Int) -> [UInt8] {
        guard index < pattern.units.count, pattern.units[index - 1].wide == nil else { return Array(0...255) }
        // A doubled or spliced quote, or a run of backslashes, may push the unit further on.
        guard pattern.units[index - 1].choices.allSatisfy(EscapeReading.isPlain) else { return Array(0...255) }
        var bytes = pattern.units[index].choices + [UInt8(ascii: "%"), UInt8(ascii: "\\")]
        if pattern.units[index].choices.contains(UInt8(ascii: " ")) { bytes.append(UInt8(ascii: "+")) }
        if pattern.mayBreakLines { bytes += [UInt8(ascii: "\n"), UInt8(ascii: "\r")] }
        return bytes
    }

    /// The bytes that may come after `second`: after a line break the same unit is still to come, after an escape anything.
    private static func following(_ second: UInt8, _ seconds: [UInt8], _ thirds: [UInt8]) -> [UInt8] {
        if EscapeReading.isPlain(second) { return thirds }
        let isLineBreak = second == UInt8(ascii: "\n") || second == UInt8(ascii: "\r")
        return isLineBreak ? seconds + thirds + [UInt8(ascii: " "), UInt8(ascii: "\t")] : Array(0...255)
    }

    private static func set(_ bits: inout [UInt64], _ first: UInt8, _ second: UInt8) {
        let bit = Int(first) << 8 | Int(second)
        bits[bit >> 6] |= 1 << UInt64(bit & 63)
    }

    /// Finds every secret in `text`, whose first `covered` bytes were found to belong to one already.
    ///
    /// - Parameters:
    ///   - plain: Called with each range that holds no secret, in order.
    ///   - mask: Called once for each secret, or several that overlap.
    /// - Returns: From where on the text must be kept until more comes (its length where nothing), and how many bytes from there
    ///   belong to a secret already masked.
    func scan(
        _ text: UnsafeBufferPointer<UInt8>, covered: Int, isEnd: Bool, plain: (Range<Int>) -> Void, mask: () -> Void
    ) -> (kept: Int, covered: Int) {
        var place = 0
        var hidden = covered
        while true {
            place = next(text, from: place)
            guard place < text.count else { break }
            switch match(text, at: place, isEnd: isEnd) {
            case .none: break
            case .needsMore:
                if place > hidden { plain(hidden..<place) }
                return (place, max(0, hidden - place))
            case .ends(let end):
                if place >= hidden {
                    if place > hidden { plain(hidden..<place) }
                    mask()
                    hidden = end
                } else {
                    hidden = max(hidden, end)
                }
            }
            place += 1
        }
        if text.count > hidden { plain(hidden..<text.count) }
        return (text.count, max(0, hidden - text.count))
    }

    /// The next place from `start` on that is worth a close look.
    private func next(_ text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        roles.withUnsafeBufferPointer { roles in
            firstPairs.withUnsafeBufferPointer { firstPairs in
                secondPairs.withUnsafeBufferPointer { secondPairs in
                    var place = start
                    let last = text.count - 2
                    while place < last {
                        let role = roles[Int(text[place])]
                        if role != Role.other.rawValue {
                            if role == Role.escape.rawValue { return place }
                            let first = Int(text[place]) << 8 | Int(text[place + 1])
                            if firstPairs[first >> 6] & (1 << UInt64(first & 63)) != 0 {
                                let second = Int(text[place + 1]) << 8 | Int(text[place + 2])
                                if secondPairs[second >> 6] & (1 << UInt64(second & 63)) != 0 { return place }
                            }
                        }
                        place += 1
                    }
                    while place < text.count, roles[Int(text[place])] == Role.other.rawValue { place += 1 }
                    return place
                }
            }
        }
    }

    private func match(_ text: UnsafeBufferPointer<UInt8>, at place: Int, isEnd: Bool) -> PatternMatch {
        var longest = -1
        for candidate in candidates(text, at: place) {
            switch patterns[candidate].match(text, at: place, isEnd: isEnd) {
            case .none: continue
            case .needsMore: return .needsMore
            case .ends(let end): longest = max(longest, end)
            }
        }
        return longest < 0 ? .none : .ends(longest)
    }

    /// The patterns that may begin at `place`: found by the character that stands there once its escape is undone.
    private func candidates(_ text: UnsafeBufferPointer<UInt8>, at place: Int) -> [Int] {
        let first = text[place]
        guard roles[Int(first)] == Role.escape.rawValue else { return starting[Int(first)] }
        var index = place + 1
        let deepest = min(text.count, place + EscapeReading.deepest)
        while first == UInt8(ascii: "\\"), index < deepest, text[index] == first { index += 1 }
        // Too short to tell: only the patterns themselves can say whether to wait.
        guard index + 5 < text.count else { return Array(patterns.indices) }
        let own = starting[Int(first)]
        let letter = text[index]
        if first == UInt8(ascii: "%") { return own + decoded(text, index, 2) }
        if letter == UInt8(ascii: "u") { return own + decoded(text, index + 1, 4) + starting[Int(letter)] }
        if letter == UInt8(ascii: "x") { return own + decoded(text, index + 1, 2) + starting[Int(letter)] }
        let control = EscapeReading.control[letter].map { starting[Int($0)] } ?? []
        return own + control + starting[Int(letter)]
    }

    private func decoded(_ text: UnsafeBufferPointer<UInt8>, _ place: Int, _ digits: Int) -> [Int] {
        var value = 0
        for index in place..<(place + digits) {
            guard let digit = EscapeReading.hexValue(text[index]) else { return [] }
            value = value * 16 + digit
        }
        return value < 256 ? starting[value] + (digits == 4 ? startingWide : []) : startingWide
    }
}
