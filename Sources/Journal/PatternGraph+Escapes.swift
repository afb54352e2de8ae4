extension PatternGraph {
    /// More backslashes in a row than this are not one character's escape; it bounds what is held
    /// back.
    static let deepest = 8

    /// Backslashes that are percent-encoded, as JSON is in a URL, are followed this deep.
    private static let deepestEncoded = 3

    private static let backslash = ByteSet(UInt8(ascii: "\\"))
    private static let percent = ByteSet(UInt8(ascii: "%"))

    /// Adds every way of writing `text` without an encoding of the whole: itself, `%2F`, `\/`,
    /// `\u002f`, `\x2f`, `'\''`, `'"'"'`, `''`, `""`, `+` for a space, with any depth of
    /// backslashes up to eight; also such an escape percent-encoded, `%5C%22`.
    mutating func add(escaped text: String) {
        var from = start()
        var count = 0
        for scalar in text.unicodeScalars {
            let utf8 = Array(String(scalar).utf8)
            count += utf8.count
            let to = place(reveals: count >= Self.revealing)
            if utf8.count == 1 {
                joinEscapes(from, to: to, of: utf8[0])
            } else {
                joinWideEscapes(from, to: to, utf8: utf8, utf16: Array(String(scalar).utf16))
            }
            from = to
        }
        end(at: from)
    }

    /// So many bytes of a secret at the end of a text that was cut off are replaced too.
    static let revealing = 4

    /// Joins two places by every way of writing a byte of ASCII.
    mutating func joinEscapes(_ from: Int32, to: Int32, of byte: UInt8) {
        join(from, to: to, by: ByteSet(byte == UInt8(ascii: " ") ? [byte, UInt8(ascii: "+")] : [byte]))
        joinPercent(from, to: to, byte)
        joinBackslashes(from, to: to, byte)
        if byte == UInt8(ascii: "'") {
            joinDoubled(from, to: to, byte)
            joinQuotedQuote(from, to: to)
        } else if byte == UInt8(ascii: "\"") {
            joinDoubled(from, to: to, byte)
        }
    }

    /// `''`, `""`, and both percent-encoded.
    private mutating func joinDoubled(_ from: Int32, to: Int32, _ byte: UInt8) {
        for quote in [[ByteSet(byte)], Self.encoded(byte)] { join(from, to: to, byRow: quote + quote) }
    }

    /// `'\''` and `'"'"'`, and both percent-encoded.
    private mutating func joinQuotedQuote(_ from: Int32, to: Int32) {
        let (single, double) = (UInt8(ascii: "'"), UInt8(ascii: "\""))
        let inside = place(reveals: reveals(at: from))
        let run = run(from: inside, isEncoded: true)
        for (quote, other) in [
            ([ByteSet(single)], [ByteSet(double)]), (Self.encoded(single), Self.encoded(double)),
        ] {
            join(from, to: to, byRow: quote + other + quote + other + quote)
            join(from, to: inside, byRow: quote)
            for place in run { join(place, to: to, byRow: quote + quote) }
        }
    }

    /// `%2f`, and `%252f` where that was encoded again.
    private mutating func joinPercent(_ from: Int32, to: Int32, _ byte: UInt8) {
        let row = Self.encoded(byte)
        let again = [ByteSet(UInt8(ascii: "2")), ByteSet(UInt8(ascii: "5"))]
        join(from, to: to, byRow: row)
        join(from, to: to, byRow: [Self.percent] + again + row.dropFirst())
    }

    /// `%2f`.
    private static func encoded(_ byte: UInt8) -> [ByteSet] {
        [percent, ByteSet.hexDigit(byte >> 4), ByteSet.hexDigit(byte & 15)]
    }

    private mutating func joinBackslashes(_ from: Int32, to: Int32, _ byte: UInt8) {
        var letters = ByteSet([])
        let isBackslash = byte == UInt8(ascii: "\\")
        if !ASCII.isAlphanumeric(byte), !isBackslash { letters.insert(byte) }
        for (letter, control) in ASCII.control where control == byte { letters.insert(letter) }
        // All depths go on to the same digits.
        let hex = place(reveals: reveals(at: from))
        let unit = place(reveals: reveals(at: from))
        let digits = [ByteSet.hexDigit(byte >> 4), ByteSet.hexDigit(byte & 15)]
        let zero = ByteSet(UInt8(ascii: "0"))
        join(hex, to: to, byRow: digits)
        join(unit, to: to, byRow: [zero, zero] + digits)
        let isPlain = ASCII.isAlphanumeric(byte)
        let run = run(from: from, isEncoded: !isPlain)
        for (index, place) in run.enumerated() {
            if !letters.isEmpty { join(place, to: to, by: letters) }
            join(place, to: hex, by: ByteSet(UInt8(ascii: "x")))
            join(place, to: unit, by: ByteSet(UInt8(ascii: "u")))
            if !isPlain, index < Self.deepestEncoded { join(place, to: to, byRow: Self.encoded(byte)) }
        }
        if isBackslash { for place in run.dropLast() { join(place, to: to, by: Self.backslash) } }
    }

    /// The places behind one backslash, two, and so on; the first of them may be percent-encoded.
    private mutating func run(from: Int32, isEncoded: Bool = false) -> [Int32] {
        var places: [Int32] = []
        for depth in 1...Self.deepest {
            let next = place(reveals: reveals(at: from))
            join(places.last ?? from, to: next, by: Self.backslash)
            if isEncoded, depth <= Self.deepestEncoded {
                join(places.last ?? from, to: next, byRow: Self.encoded(UInt8(ascii: "\\")))
            }
            places.append(next)
        }
        return places
    }

    /// Joins two places by every way of writing a character beyond ASCII: its bytes as they are or
    /// each escaped, or its code units as `\uXXXX`.
    private mutating func joinWideEscapes(_ from: Int32, to: Int32, utf8: [UInt8], utf16: [UInt16]) {
        join(from, to: to, byRow: utf8.map { ByteSet($0) })
        join(
            from, to: to,
            byRow: utf8.flatMap { [Self.percent, ByteSet.hexDigit($0 >> 4), ByteSet.hexDigit($0 & 15)] })
        joinEscaped(from, to: to, units: utf8.map { UInt16($0) }, letter: "x", digits: 2)
        joinEscaped(from, to: to, units: utf16, letter: "u", digits: 4)
    }

    private mutating func joinEscaped(
        _ from: Int32, to: Int32, units: [UInt16], letter: Unicode.Scalar, digits: Int
    ) {
        var from = from
        for (index, unit) in units.enumerated() {
            let next = index == units.count - 1 ? to : place(reveals: reveals(at: from))
            let row = (0..<digits).reversed().map { ByteSet.hexDigit(UInt8(unit >> (4 * UInt16($0)) & 15)) }
            let marked = place(reveals: reveals(at: from))
            for place in run(from: from, isEncoded: true) { join(place, to: marked, by: ByteSet(UInt8(ascii: letter))) }
            join(marked, to: next, byRow: row)
            from = next
        }
    }
}
