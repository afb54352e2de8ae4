/// Reads the SSH protocol's data types; every read fails with nil where the bytes end early.
struct WireReader {
    private var bytes: ArraySlice<UInt8>

    init(_ bytes: some Sequence<UInt8>) {
        self.bytes = Array(bytes)[...]
    }

    mutating func byte() -> UInt8? {
        bytes.popFirst()
    }

    mutating func skip(_ count: Int) -> Void? {
        guard bytes.count >= count else { return nil }
        bytes.removeFirst(count)
        return ()
    }

    mutating func uint32() -> UInt32? {
        guard bytes.count >= 4 else { return nil }
        defer { bytes.removeFirst(4) }
        return bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    mutating func string() -> [UInt8]? {
        guard let count = uint32(), bytes.count >= Int(count) else { return nil }
        defer { bytes.removeFirst(Int(count)) }
        return Array(bytes.prefix(Int(count)))
    }

    mutating func text() -> String? {
        string().map { String(decoding: $0, as: UTF8.self) }
    }

    mutating func nameList() -> [String]? {
        text().map { $0.split(separator: ",").map(String.init) }
    }

    /// `bytes` as an SSH string.
    static func string(_ bytes: some Collection<UInt8>) -> [UInt8] {
        uint32(UInt32(bytes.count)) + bytes
    }

    /// `value` as four bytes.
    static func uint32(_ value: UInt32) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }
}
