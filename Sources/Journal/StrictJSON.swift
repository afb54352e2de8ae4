/// Reads JSON as RFC 8259 has it, and refuses what programs read in different ways: a key that an
/// object has twice, text that is not UTF-8, half a surrogate pair.
///
/// It keeps nothing but where the members of the outermost object stand, so that a log of any size
/// is read at the speed of its disk.
struct StrictJSON {
    /// A member of the outermost object, or an element of the outermost array.
    struct Member {
        /// The key's bytes, as they are written between the quotes; empty in an array.
        let key: Range<Int>
        /// The value's bytes; of a string with its quotes.
        let value: Range<Int>
    }

    /// Why a text is not what it should be.
    struct Fault: Error, Sendable, Hashable, CustomStringConvertible {
        let offset: Int
        let problem: String
        var description: String { "\(problem), at byte \(offset + 1)" }
    }

    /// Deeper than anything that is written here, and shallow enough for the stack.
    static let deepest = 64

    private let text: UnsafeBufferPointer<UInt8>
    private var place = 0
    private var depth = 0
    private var members: [Member] = []
    /// Whether it has no blank outside of strings, and only whole numbers that every program has room for.
    private var isPlain = true
    /// The hashes of the keys of all objects that are open, the innermost last.
    private var keys: [(hash: UInt64, key: Range<Int>)] = []

    private init(_ text: UnsafeBufferPointer<UInt8>) {
        self.text = text
    }

    /// The members of the object, or the elements of the array, that `bytes` are; other values are
    /// refused.
    ///
    /// - Parameter isLine: Whether a record is to be read, which has no blanks and whole numbers only: other programs
    ///   look for what is written so.
    static func members(of bytes: ArraySlice<UInt8>, isLine: Bool = false) throws(Fault) -> [Member] {
        let result = bytes.withUnsafeBufferPointer { text -> Result<[Member], Fault> in
            var reader = StrictJSON(text)
            do throws(Fault) {
                try reader.document()
                if isLine, !reader.isPlain { throw Fault(offset: 0, problem: "runner does not write it like this") }
                return .success(reader.members)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private mutating func document() throws(Fault) {
        skipSpace()
        guard [UInt8(ascii: "{"), UInt8(ascii: "[")].contains(peek()) else { throw fault("it is not a JSON object") }
        try value()
        skipSpace()
        guard place == text.count else { throw fault("there is something after it") }
    }

    private mutating func value() throws(Fault) {
        switch peek() {
        case UInt8(ascii: "{"): try object()
        case UInt8(ascii: "["): try array()
        case UInt8(ascii: "\""): try string()
        case UInt8(ascii: "t"): try word("true")
        case UInt8(ascii: "f"): try word("false")
        case UInt8(ascii: "n"): try word("null")
        default: try number()
        }
    }

    private mutating func object() throws(Fault) {
        try enter()
        let first = keys.count
        var names: Set<UInt64> = []
        if !closes(with: UInt8(ascii: "}")) {
            repeat {
                skipSpace()
                let start = place + 1
                try string()
                let key = start..<(place - 1)
                try remember(key, first, &names)
                skipSpace()
                try expect(UInt8(ascii: ":"))
                skipSpace()
                let begin = place
                try value()
                if depth == 1 { members.append(Member(key: key, value: begin..<place)) }
            } while try goesOn(UInt8(ascii: "}"))
        }
        keys.removeSubrange(first...)
        depth -= 1
    }

    private mutating func array() throws(Fault) {
        try enter()
        if !closes(with: UInt8(ascii: "]")) {
            repeat {
                skipSpace()
                let begin = place
                try value()
                if depth == 1 { members.append(Member(key: begin..<begin, value: begin..<place)) }
            } while try goesOn(UInt8(ascii: "]"))
        }
        depth -= 1
    }

    private mutating func enter() throws(Fault) {
        depth += 1
        guard depth <= Self.deepest else { throw fault("it is nested too deeply") }
        place += 1
    }

    private mutating func closes(with end: UInt8) -> Bool {
        skipSpace()
        guard peek() == end else { return false }
        place += 1
        return true
    }

    private mutating func goesOn(_ end: UInt8) throws(Fault) -> Bool {
        skipSpace()
        if peek() == end {
            place += 1
            return false
        }
        try expect(UInt8(ascii: ","))
        return true
    }

    /// Compares with the keys before it in the same object: one by one while they are few, through
    /// a set once they are many.
    private mutating func remember(_ key: Range<Int>, _ first: Int, _ names: inout Set<UInt64>) throws(Fault) {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        let plain = text[key].contains(UInt8(ascii: "\\")) ? JSONText.unescaped(text[key]) : nil
        if let plain {
            for byte in plain { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        } else {
            for byte in text[key] { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
        let few = 32
        let known = keys.count - first
        if known == few { names = Set(keys[first...].map(\.hash)) }
        if known < few || names.contains(hash) {
            for other in keys[first...] where other.hash == hash && isSame(other.key, key) {
                throw Fault(offset: key.lowerBound, problem: "the key \(name(key)) is duplicated")
            }
        }
        if known >= few { names.insert(hash) }
        keys.append((hash, key))
    }

    private func isSame(_ one: Range<Int>, _ other: Range<Int>) -> Bool {
        JSONText.unescaped(text[one]) == JSONText.unescaped(text[other])
    }

    private func name(_ key: Range<Int>) -> String { "\"\(String(decoding: text[key].prefix(80), as: UTF8.self))\"" }

    private mutating func word(_ word: StaticString) throws(Fault) {
        for index in 0..<word.utf8CodeUnitCount where peek(index) != word.utf8Start[index] {
            throw fault("it is not JSON")
        }
        place += word.utf8CodeUnitCount
    }

    private mutating func number() throws(Fault) {
        let start = place
        if peek() == UInt8(ascii: "-") { place += 1 }
        if peek() == UInt8(ascii: "0") { place += 1 } else { try digits() }
        // Many programs have 53 bits for a number.
        if place - start > 15 { isPlain = false }
        if peek() == UInt8(ascii: ".") {
            place += 1
            isPlain = false
            try digits()
        }
        guard peek() | 0x20 == UInt8(ascii: "e") else { return }
        place += 1
        isPlain = false
        if peek() == UInt8(ascii: "+") || peek() == UInt8(ascii: "-") { place += 1 }
        try digits()
    }

    private mutating func digits() throws(Fault) {
        let start = place
        while peek() >= UInt8(ascii: "0"), peek() <= UInt8(ascii: "9") { place += 1 }
        if place == start { throw fault("it is not JSON") }
    }

    private mutating func string() throws(Fault) {
        try expect(UInt8(ascii: "\""))
        while place < text.count {
            let byte = text[place]
            if byte == UInt8(ascii: "\"") {
                place += 1
                return
            } else if byte == UInt8(ascii: "\\") {
                try escape()
            } else if byte >= 0x80 {
                let length = JSONText.scalarLength(text, at: place)
                guard length > 0 else { throw fault("it is not UTF-8") }
                place += length
            } else if byte < 0x20 {
                throw fault("a string contains a control character")
            } else {
                place += 1
            }
        }
        throw fault("a string is not terminated")
    }

    private mutating func escape() throws(Fault) {
        switch peek(1) {
        case UInt8(ascii: "u"):
            let unit = try hex(at: place + 2)
            place += 6
            guard unit & 0xf800 == 0xd800 else { return }
            guard unit < 0xdc00, peek() == UInt8(ascii: "\\"), peek(1) == UInt8(ascii: "u"),
                try hex(at: place + 2) & 0xfc00 == 0xdc00
            else { throw fault("a string contains half a surrogate pair") }
            place += 6
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            place += 2
        default: throw fault("it is not JSON")
        }
    }

    private func hex(at place: Int) throws(Fault) -> Int {
        var value = 0
        for index in place..<(place + 4) {
            guard index < text.count, let digit = ASCII.hexValue(text[index]) else {
                throw fault("it is not JSON")
            }
            value = value << 4 | digit
        }
        return value
    }

    private mutating func expect(_ byte: UInt8) throws(Fault) {
        guard peek() == byte else { throw fault("it is not JSON") }
        place += 1
    }

    private mutating func skipSpace() {
        while place < text.count {
            switch text[place] {
            case 0x20, 0x0a, 0x09, 0x0d: place += 1
            default: return
            }
            isPlain = false
        }
    }

    /// The byte `ahead` of the place; 0, which no JSON has, past the end.
    private func peek(_ ahead: Int = 0) -> UInt8 { place + ahead < text.count ? text[place + ahead] : 0 }

    private func fault(_ problem: String) -> Fault { Fault(offset: place, problem: problem) }
}
