/// A row of sets of bytes: a text of which not every byte is known.
typealias BytePattern = [ByteSet]

extension PatternGraph {
    /// Adds `bytes` as hexadecimal digits, in either case, also with a space, colon or newline
    /// between bytes as dumps have.
    mutating func add(hexadecimal bytes: [UInt8]) {
        var from = start()
        let gap = ByteSet(" :\n".utf8)
        for (index, byte) in bytes.enumerated() {
            let to = place(reveals: index + 1 >= Self.revealing)
            let digits = [ByteSet.hexDigit(byte >> 4), ByteSet.hexDigit(byte & 15)]
            join(from, to: to, byRow: digits)
            if index > 0 { join(from, to: to, byRow: [gap] + digits) }
            from = to
        }
        end(at: from)
    }

    /// Adds `text` in base64, at each of the three places within a group; where wanted also in
    /// base64 of that, at each of nine.
    mutating func add(base64 text: [UInt8], isNested: Bool) {
        let bytes = text.map { ByteSet($0) }
        for offset in 0..<3 {
            let once = Base64.encode(bytes, after: offset)
            add(base64Digits: once)
            guard isNested else { continue }
            for other in 0..<3 { add(base64Digits: Base64.encode(once, after: other)) }
        }
    }

    /// Adds digits of base64, which may be escaped as URLs and JSON do it, and broken into lines
    /// anywhere.
    private mutating func add(base64Digits digits: BytePattern) {
        var from = start()
        for (index, digit) in digits.enumerated() {
            let to = place(reveals: index >= 2 * Self.revealing)
            join(from, to: to, by: digit)
            for mark in "+/".utf8 where digit.contains(mark) { joinEscapedMark(from, to: to, mark) }
            if index > 0 { allowLineBreak(at: from) }
            from = to
        }
        end(at: from)
    }

    /// `%2b`, `%2F`, `\/` and `\u002b` stand for the two digits that are no letters or numbers.
    private mutating func joinEscapedMark(_ from: Int32, to: Int32, _ mark: UInt8) {
        let digits = [ByteSet.hexDigit(mark >> 4), ByteSet.hexDigit(mark & 15)]
        join(from, to: to, byRow: [ByteSet(UInt8(ascii: "%"))] + digits)
        let escaped = place(reveals: reveals(at: from))
        join(from, to: escaped, by: ByteSet(UInt8(ascii: "\\")))
        join(escaped, to: escaped, by: ByteSet(UInt8(ascii: "\\")))
        if mark == UInt8(ascii: "/") { join(escaped, to: to, by: ByteSet(mark)) }
        let zero = ByteSet(UInt8(ascii: "0"))
        join(escaped, to: to, byRow: [ByteSet(UInt8(ascii: "u")), zero, zero] + digits)
    }

    /// A verifier has 114 characters after the count, and a few more where it is escaped.
    private static let longestVerifier = 256

    /// Adds the verifiers that PostgreSQL keeps in place of passwords: whoever has one can try
    /// passwords against it.
    mutating func addVerifiers() {
        var from = start()
        for byte in "SCRAM-SHA-256$".utf8 {
            let to = place()
            joinEscapes(from, to: to, of: byte)
            from = to
        }
        let count = place()
        join(from, to: count, by: ByteSet("0123456789".utf8))
        join(count, to: count, by: ByteSet("0123456789".utf8))
        from = place(reveals: true)
        join(count, to: from, by: ByteSet(UInt8(ascii: ":")))
        let digits = ByteSet(Base64.alphabet + "=$:\\".utf8)
        for _ in 0..<Self.longestVerifier {
            let to = place(reveals: true)
            join(from, to: to, by: digits)
            end(at: to)
            from = to
        }
    }
}

/// Base64 of texts of which not every byte is known.
enum Base64 {
    static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// The digits that hold at least one bit of `bytes` when `offset` unknown bytes come before in
    /// their group.
    static func encode(_ bytes: BytePattern, after offset: Int) -> BytePattern {
        let first = offset * 8
        let end = first + bytes.count * 8
        let choices = bytes.map(\.bytes)
        var digits: BytePattern = []
        for digit in (first / 6)...((end - 1) / 6) {
            var possible = SixBits()
            possible.insert(0)
            // The digit's six bits come from one or two bytes, or from none that is known.
            var bit = digit * 6
            while bit < digit * 6 + 6 {
                let index = bit / 8 - offset
                let last = min(digit * 6 + 6, (bit / 8 + 1) * 8)
                let width = last - bit
                var values = SixBits()
                if index >= 0, index < bytes.count {
                    let shift = (bit / 8 + 1) * 8 - last
                    for byte in choices[index] { values.insert(Int(byte) >> shift & (1 << width - 1)) }
                } else {
                    for value in 0..<(1 << width) { values.insert(value) }
                }
                possible.append(values, width: width)
                bit = last
            }
            digits.append(possible.digits)
        }
        return digits
    }
}

/// A set of numbers below 64, in one word: a table of secrets is made at each start, and has thousands of these sets.
private struct SixBits {
    private var members: UInt64 = 0

    mutating func insert(_ value: Int) { members |= 1 << UInt64(value) }

    /// Puts each of `lower`, numbers of `width` bits, behind each of these.
    mutating func append(_ lower: SixBits, width: Int) {
        var all: UInt64 = 0
        members.forEachBit { all |= lower.members << UInt64($0 << width) }
        members = all
    }

    /// The digits of base64 that stand for them, in both alphabets.
    var digits: ByteSet {
        var digits = ByteSet([])
        members.forEachBit { value in
            digits.insert(Base64.alphabet[value])
            if value == 62 { digits.insert(UInt8(ascii: "-")) }
            if value == 63 { digits.insert(UInt8(ascii: "_")) }
        }
        return digits
    }
}
