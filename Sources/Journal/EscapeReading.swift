/// Reads one character at a place of a text in every form it may be written in.
struct EscapeReading {
    let text: UnsafeBufferPointer<UInt8>
    let place: Int
    /// Where the readings found end.
    private(set) var ends: [Int] = []
    /// Whether the text stops in the middle of what may be another reading.
    private(set) var needsMore = false

    init(text: UnsafeBufferPointer<UInt8>, place: Int) {
        self.text = text
        self.place = place
    }

    /// More backslashes in a row than this are not one character's escape; it bounds what is held back.
    static let deepest = 8

    /// Looks for the byte `wanted`.
    mutating func byte(_ wanted: UInt8) {
        guard let first = at(place) else { return }
        if first == wanted { ends.append(place + 1) }
        switch first {
        case UInt8(ascii: "%"): percent(wanted, from: place)
        case UInt8(ascii: "\\"): backslashes(wanted)
        case UInt8(ascii: "+") where wanted == UInt8(ascii: " "): ends.append(place + 1)
        case UInt8(ascii: "'") where wanted == first: quote()
        case UInt8(ascii: "\"") where wanted == first:
            if at(place + 1) == first { ends.append(place + 2) }
        default: break
        }
    }

    /// Looks for a character beyond ASCII: its bytes as they are or each escaped, or its code units as `\uXXXX`.
    mutating func wide(_ utf8: [UInt8], _ utf16: [UInt16]) {
        guard let first = at(place) else { return }
        var place = self.place
        if first == utf8[0] {
            for byte in utf8 {
                guard let found = at(place) else { return }
                if found != byte { return }
                place += 1
            }
            ends.append(place)
        } else if first == UInt8(ascii: "%") {
            for byte in utf8 {
                guard let found = percentByte(at: place) else { return }
                if found != byte { return }
                place += 3
            }
            ends.append(place)
        } else if first == UInt8(ascii: "\\") {
            wideEscape(utf8.map { UInt16($0) }, UInt8(ascii: "x"), 2)
            wideEscape(utf16, UInt8(ascii: "u"), 4)
        }
    }

    private mutating func wideEscape(_ values: [UInt16], _ letter: UInt8, _ digits: Int) {
        var place = self.place
        for value in values {
            let slashes = run(at: place)
            guard slashes > 0, at(place + slashes) == letter,
                hex(at: place + slashes + 1, digits) == Int(value)
            else { return }
            place += slashes + 1 + digits
        }
        ends.append(place)
    }

    private mutating func percent(_ wanted: UInt8, from place: Int) {
        if percentByte(at: place) == wanted { ends.append(place + 3) }
    }

    private mutating func percentByte(at place: Int) -> UInt8? {
        guard at(place) == UInt8(ascii: "%") else { return nil }
        return hex(at: place + 1, 2).map { UInt8($0) }
    }

    private mutating func backslashes(_ wanted: UInt8) {
        let slashes = run(at: place)
        if wanted == UInt8(ascii: "\\") {
            for count in 2...Self.deepest where count <= slashes { ends.append(place + count) }
        }
        let after = place + slashes
        guard let letter = at(after) else { return }
        if letter == wanted, !Self.isAlphanumeric(wanted), wanted != UInt8(ascii: "\\") { ends.append(after + 1) }
        if Self.control[letter] == wanted { ends.append(after + 1) }
        if letter == UInt8(ascii: "u"), hex(at: after + 1, 4) == Int(wanted) { ends.append(after + 5) }
        if letter == UInt8(ascii: "x"), hex(at: after + 1, 2) == Int(wanted) { ends.append(after + 3) }
    }

    /// A single quote within single quotes: `'\''`, `'"'"'` (shell), `''` (SQL, YAML).
    private mutating func quote() {
        let mark = UInt8(ascii: "'")
        guard let second = at(place + 1) else { return }
        if second == mark { ends.append(place + 2) }
        if second == UInt8(ascii: "\\") {
            let after = place + 1 + run(at: place + 1)
            if at(after) == mark, at(after + 1) == mark { ends.append(after + 2) }
        }
        if second == UInt8(ascii: "\""), at(place + 2) == mark, at(place + 3) == second, at(place + 4) == mark {
            ends.append(place + 5)
        }
    }

    private mutating func at(_ index: Int) -> UInt8? {
        if index < text.count { return text[index] }
        needsMore = true
        return nil
    }

    /// How many backslashes stand at `place`, up to the deepest that counts.
    private mutating func run(at place: Int) -> Int {
        var count = 0
        while count < Self.deepest, at(place + count) == UInt8(ascii: "\\") { count += 1 }
        return count
    }

    private mutating func hex(at place: Int, _ digits: Int) -> Int? {
        var value = 0
        for index in place..<(place + digits) {
            guard let byte = at(index), let digit = Self.hexValue(byte) else { return nil }
            value = value * 16 + digit
        }
        return value
    }

    static func hexValue(_ byte: UInt8) -> Int? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte) - 0x30
        case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(byte) - 0x61 + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(byte) - 0x41 + 10
        default: nil
        }
    }

    /// Whether the byte only ever stands for itself: begins no escape, and is not repeated or spliced as quotes are.
    static func isPlain(_ byte: UInt8) -> Bool {
        ![UInt8(ascii: "%"), UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""), 10, 13].contains(byte)
    }

    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte | 0x20 {
        case UInt8(ascii: "a")...UInt8(ascii: "z"): true
        default: byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
        }
    }

    /// The letters that stand for control characters after a backslash.
    static let control: [UInt8: UInt8] = [
        UInt8(ascii: "n"): 10, UInt8(ascii: "t"): 9, UInt8(ascii: "r"): 13, UInt8(ascii: "b"): 8, UInt8(ascii: "f"): 12,
    ]
}
