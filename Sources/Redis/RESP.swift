/// A value of the Redis protocol, version 2.
enum RESPValue: Sendable, Hashable {
    case simple(String)
    case error(String)
    case integer(Int)
    /// `nil` for a key that does not exist.
    case bulk([UInt8]?)
    case array([RESPValue]?)
}

/// Why bytes violate the Redis protocol.
struct RESPViolation: Error, Hashable {
    let text: String
}

/// Parses bytes as they arrive into complete values.
///
/// Sizes beyond the limits are rejected before memory is allocated, whatever the peer is.
struct RESPParser {
    /// The longest string that is accepted.
    static let bulkLimit = 16 << 20
    /// The longest answer, as bytes.
    static let totalLimit = 64 << 20
    /// The longest line, and so the longest error text.
    static let lineLimit = 64 << 10
    /// The maximum number of elements of a value, including nested ones.
    static let elementLimit = 1 << 17
    /// The maximum nesting depth.
    static let depthLimit = 8

    private var buffer: [UInt8] = []
    private var openArrays: [(missing: Int, elements: [RESPValue])] = []
    private var elementCount = 0
    private var position = 0

    /// Whether no bytes or incomplete values are left over.
    var isEmpty: Bool { buffer.isEmpty && openArrays.isEmpty }

    mutating func append(_ bytes: some Sequence<UInt8>) {
        buffer.append(contentsOf: bytes)
    }

    /// The next complete value; `nil` if more bytes are needed.
    ///
    /// Complete elements are kept, so that an array in many packets is not parsed from the
    /// beginning each time.
    mutating func next() throws(RESPViolation) -> RESPValue? {
        guard buffer.count <= Self.totalLimit else { throw RESPViolation(text: "the answer does not end") }
        while let element = try nextElement() {
            guard let value = close(element) else { continue }
            elementCount = 0
            buffer.removeFirst(position)
            position = 0
            return value
        }
        return nil
    }

    private enum Element {
        case whole(RESPValue)
        case array(count: Int)
    }

    /// Adds an element to the open array; a value is complete when no array is open.
    private mutating func close(_ element: Element) -> RESPValue? {
        var value: RESPValue
        switch element {
        case .array(let count) where count > 0:
            openArrays.append((count, []))
            return nil
        case .array: value = .array([])
        case .whole(let whole): value = whole
        }
        while let last = openArrays.indices.last {
            openArrays[last].elements.append(value)
            openArrays[last].missing -= 1
            guard openArrays[last].missing == 0 else { return nil }
            value = .array(openArrays.removeLast().elements)
        }
        return value
    }

    private mutating func nextElement() throws(RESPViolation) -> Element? {
        guard let type = buffer[position...].first else { return nil }
        guard [0x2B, 0x2D, 0x3A, 0x24, 0x2A].contains(type) else {
            let start = String(decoding: buffer[position...].prefix(40), as: UTF8.self)
            throw RESPViolation(text: "an answer begins with \(start.debugDescription)")
        }
        guard let end = try endOfLine() else { return nil }
        let line = String(decoding: buffer[(position + 1)..<end], as: UTF8.self)
        let next = end + 2
        elementCount += 1
        guard elementCount <= Self.elementLimit else { throw RESPViolation(text: "an answer with too many elements") }
        switch type {
        case 0x2B: position = next; return .whole(.simple(line))
        case 0x2D: position = next; return .whole(.error(line))
        case 0x3A:
            position = next
            return .whole(.integer(try number(line)))
        case 0x24:
            let length = try number(line)
            guard length >= 0 else { return try absent(.bulk(nil), length: length, next: next) }
            guard length <= Self.bulkLimit else { throw RESPViolation(text: "\(length) bytes are announced") }
            guard buffer.count >= next + length + 2 else { return nil }
            let bytes = buffer[next..<(next + length)]
            guard buffer[next + length] == 0x0D, buffer[next + length + 1] == 0x0A else {
                throw RESPViolation(text: "a string is longer than announced")
            }
            position = next + length + 2
            return .whole(.bulk(Array(bytes)))
        default:
            let count = try number(line)
            guard count >= 0 else { return try absent(.array(nil), length: count, next: next) }
            guard count <= Self.elementLimit else { throw RESPViolation(text: "\(count) elements are announced") }
            guard openArrays.count < Self.depthLimit else { throw RESPViolation(text: "arrays are nested too deeply") }
            position = next
            return .array(count: count)
        }
    }

    private mutating func absent(_ value: RESPValue, length: Int, next: Int) throws(RESPViolation) -> Element {
        guard length == -1 else { throw RESPViolation(text: "a length of \(length) is announced") }
        position = next
        return .whole(value)
    }

    /// The index of the line's CR.
    private func endOfLine() throws(RESPViolation) -> Int? {
        let line = buffer[position...].prefix(Self.lineLimit)
        guard let end = line.firstIndex(of: 0x0D) else {
            guard line.count < Self.lineLimit else { throw RESPViolation(text: "a line does not end") }
            return nil
        }
        guard end + 1 < buffer.count else { return nil }
        guard buffer[end + 1] == 0x0A else { throw RESPViolation(text: "a line ends with CR alone") }
        return end
    }

    private func number(_ text: String) throws(RESPViolation) -> Int {
        guard let number = Int(text) else { throw RESPViolation(text: "\(text.prefix(40)) is not a number") }
        return number
    }
}

/// A command in the Redis protocol: an array of strings with their lengths, so that no value needs
/// quoting.
func encodeRESP(_ words: [String]) -> [UInt8] {
    words.reduce(into: Array("*\(words.count)\r\n".utf8)) { bytes, word in
        bytes += Array("$\(word.utf8.count)\r\n".utf8) + Array(word.utf8) + [0x0D, 0x0A]
    }
}
