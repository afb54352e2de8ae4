/// An object of strict JSON whose members are looked up in its bytes.
struct JSONObject: Sendable {
    let bytes: ArraySlice<UInt8>
    private let members: [StrictJSON.Member]

    /// - Parameters:
    ///   - bytes: The object.
    ///   - isLine: Whether it is a record, which is written without blanks and with whole numbers only.
    init(_ bytes: ArraySlice<UInt8>, isLine: Bool = false) throws(StrictJSON.Fault) {
        self.bytes = bytes
        members = try StrictJSON.members(of: bytes, isLine: isLine)
    }

    /// The bytes of a member's value; a string's with its quotes.
    func value(_ key: StaticString) -> ArraySlice<UInt8>? {
        let name = UnsafeBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount)
        for member in members where member.key.count == name.count {
            if bytes.within(member.key).elementsEqual(name) { return bytes.within(member.value) }
        }
        return nil
    }

    /// The inside of a string, escapes as they are written; for what has none, such as digests and
    /// ids.
    func plainText(_ key: StaticString) -> ArraySlice<UInt8>? {
        guard let value = value(key), value.first == UInt8(ascii: "\"") else { return nil }
        return value.dropFirst().dropLast()
    }

    /// The text of a string.
    func text(_ key: StaticString) -> String? {
        plainText(key).map { String(decoding: JSONText.unescaped($0), as: UTF8.self) }
    }

    /// A whole number.
    func integer(_ key: StaticString) -> Int? { value(key).flatMap { Int(String(decoding: $0, as: UTF8.self)) } }
}

extension ArraySlice<UInt8> {
    /// The part at `range`, counted from the beginning of the slice.
    func within(_ range: Range<Int>) -> ArraySlice<UInt8> {
        self[(startIndex + range.lowerBound)..<(startIndex + range.upperBound)]
    }
}
