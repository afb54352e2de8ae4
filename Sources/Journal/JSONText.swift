/// The inside of JSON strings that ``StrictJSON`` has read: well-formed UTF-8 with whole escapes.
enum JSONText {
    /// The bytes that a string stands for.
    static func unescaped(_ bytes: some Collection<UInt8>) -> [UInt8] {
        // Most have none.
        guard bytes.contains(UInt8(ascii: "\\")) else { return Array(bytes) }
        var result: [UInt8] = []
        var rest = Array(bytes)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), let letter = rest.popFirst() else {
                result.append(byte)
                continue
            }
            if letter != UInt8(ascii: "u") {
                result.append(ASCII.control[letter] ?? letter)
                continue
            }
            var value = unit(&rest)
            if value & 0xfc00 == 0xd800 {
                rest = rest.dropFirst(2)
                value = 0x10000 + (value & 0x3ff) << 10 + unit(&rest) & 0x3ff
            }
            result += Unicode.Scalar(UInt32(value)).map { Array(String($0).utf8) } ?? []
        }
        return result
    }

    private static func unit(_ rest: inout ArraySlice<UInt8>) -> Int {
        var value = 0
        for _ in 0..<4 { value = value << 4 | (rest.popFirst().flatMap(ASCII.hexValue) ?? 0) }
        return value
    }

    /// How many bytes the character beyond ASCII at `place` has; 0 where it is not well-formed.
    static func scalarLength(_ text: UnsafeBufferPointer<UInt8>, at place: Int) -> Int {
        func follows(_ ahead: Int, _ range: ClosedRange<UInt8> = 0x80...0xbf) -> Bool {
            place + ahead < text.count && range.contains(text[place + ahead])
        }
        switch text[place] {
        case 0xc2...0xdf: return follows(1) ? 2 : 0
        case 0xe0: return follows(1, 0xa0...0xbf) && follows(2) ? 3 : 0
        case 0xed: return follows(1, 0x80...0x9f) && follows(2) ? 3 : 0
        case 0xe1...0xef: return follows(1) && follows(2) ? 3 : 0
        case 0xf0: return follows(1, 0x90...0xbf) && follows(2) && follows(3) ? 4 : 0
        case 0xf1...0xf3: return follows(1) && follows(2) && follows(3) ? 4 : 0
        case 0xf4: return follows(1, 0x80...0x8f) && follows(2) && follows(3) ? 4 : 0
        default: return 0
        }
    }
}
