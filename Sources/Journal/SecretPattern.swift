/// A secret as it may appear in text: a row of units, each of which may be written in several ways.
///
/// Enumerating whole encoded forms would miss texts that mix them (each program escapes another set of characters), so each
/// character is matched in whatever form it has: itself, `%2F`, `\/`, `\u002f`, `\x2f`, `'\''`, `'"'"'`, `''`, `""`, `+` for a
/// space, with any depth of backslashes up to eight.
struct SecretPattern {
    /// One character.
    struct Unit {
        /// The bytes that may stand here; several only for base64, where a digit may hold bits of a neighbour.
        var choices: [UInt8]
        /// For a character beyond ASCII, its UTF-8 bytes and its UTF-16 code units.
        var wide: (utf8: [UInt8], utf16: [UInt16])?
    }

    let units: [Unit]
    /// Base64 text may be broken into lines anywhere.
    let mayBreakLines: Bool
    /// For each unit the byte that, found in a text, can only be read as itself; -1 where there is more than one way to go on.
    private let plain: [Int16]

    init(units: [Unit], mayBreakLines: Bool) {
        self.units = units
        self.mayBreakLines = mayBreakLines
        plain = units.map { unit in
            guard unit.wide == nil, unit.choices.count == 1, EscapeReading.isPlain(unit.choices[0]) else { return -1 }
            return Int16(unit.choices[0])
        }
    }

    /// All patterns for one secret: as it is, and in base64 at each of the three places within a group, with both alphabets.
    static func all(for secret: String) -> [SecretPattern] {
        let bytes = Array(secret.utf8)
        return [SecretPattern(units: secret.unicodeScalars.map(unit), mayBreakLines: false)]
            + (0..<3).map { SecretPattern(units: base64(bytes, after: $0), mayBreakLines: true) }
    }

    private static func unit(_ scalar: Unicode.Scalar) -> Unit {
        let utf8 = Array(String(scalar).utf8)
        if utf8.count == 1 { return Unit(choices: utf8) }
        return Unit(choices: [utf8[0]], wide: (utf8, Array(String(scalar).utf16)))
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// The base64 digits that hold at least one bit of `bytes` when `offset` unknown bytes come before in their group.
    private static func base64(_ bytes: [UInt8], after offset: Int) -> [Unit] {
        let first = offset * 8
        let end = first + bytes.count * 8
        return ((first / 6)...((end - 1) / 6)).map { digit in
            var known = 0
            var value = 0
            for bit in (digit * 6)..<(digit * 6 + 6) {
                known <<= 1
                value <<= 1
                if bit >= first, bit < end {
                    known |= 1
                    value |= Int(bytes[(bit - first) / 8] >> UInt8(7 - (bit - first) % 8)) & 1
                }
            }
            var choices: [UInt8] = []
            for candidate in 0..<64 where candidate & known == value {
                choices.append(alphabet[candidate])
                if candidate == 62 { choices.append(UInt8(ascii: "-")) }
                if candidate == 63 { choices.append(UInt8(ascii: "_")) }
            }
            return Unit(choices: choices)
        }
    }
}

/// What a pattern makes of a place in the text.
enum PatternMatch {
    case none
    /// It ends before this place.
    case ends(Int)
    /// The text is too short to tell.
    case needsMore
}

extension SecretPattern {
    /// Matches at `start`, where of several readings the longest counts; with `isEnd`, no more text will come.
    func match(_ text: UnsafeBufferPointer<UInt8>, at start: Int, isEnd: Bool) -> PatternMatch {
        var index = agreement(text, at: start)
        var places = [start + index]
        var needsMore = false
        while index < units.count {
            var next: [Int] = []
            for place in places {
                step(units[index], text, place, &next, &needsMore)
                if mayBreakLines, index > 0, let resumed = Self.afterLineBreak(text, place, &needsMore) {
                    step(units[index], text, resumed, &next, &needsMore)
                }
            }
            if next.isEmpty { return needsMore && !isEnd ? .needsMore : .none }
            places = next
            index += 1
        }
        return needsMore && !isEnd ? .needsMore : .ends(places.max() ?? start)
    }

    /// How many units stand at `start` as they are and leave no choice: nearly all of a match, and all of most mismatches.
    private func agreement(_ text: UnsafeBufferPointer<UInt8>, at start: Int) -> Int {
        plain.withUnsafeBufferPointer { plain in
            let limit = min(plain.count, text.count - start)
            var count = 0
            while count < limit, plain[count] == Int16(text[start + count]) { count += 1 }
            return count
        }
    }

    private func step(
        _ unit: Unit, _ text: UnsafeBufferPointer<UInt8>, _ place: Int, _ next: inout [Int], _ needsMore: inout Bool
    ) {
        var reading = EscapeReading(text: text, place: place)
        if let wide = unit.wide {
            reading.wide(wide.utf8, wide.utf16)
        } else {
            for choice in unit.choices { reading.byte(choice) }
        }
        needsMore = needsMore || reading.needsMore
        for end in reading.ends where !next.contains(end) { next.append(end) }
    }

    /// Past `\n` or `\r\n`, real or escaped, and the indentation after it.
    private static func afterLineBreak(
        _ text: UnsafeBufferPointer<UInt8>, _ place: Int, _ needsMore: inout Bool
    ) -> Int? {
        var place = place
        guard place < text.count else { return nil }
        if text[place] == UInt8(ascii: "\r") { place += 1 }
        var reading = EscapeReading(text: text, place: place)
        reading.byte(UInt8(ascii: "\n"))
        needsMore = needsMore || reading.needsMore
        guard var end = reading.ends.first else { return nil }
        let limit = min(text.count, end + 16)
        while end < limit, text[end] == UInt8(ascii: " ") || text[end] == UInt8(ascii: "\t") { end += 1 }
        return end
    }
}
