/// A set of bytes.
struct ByteSet: Hashable, Sendable {
    private var bits = SIMD4<UInt64>()

    init(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { insert(byte) }
    }

    init(_ byte: UInt8) { insert(byte) }

    mutating func insert(_ byte: UInt8) { bits[Int(byte >> 6)] |= 1 << UInt64(byte & 63) }

    func contains(_ byte: UInt8) -> Bool { bits[Int(byte >> 6)] & (1 << UInt64(byte & 63)) != 0 }

    var isEmpty: Bool { bits == SIMD4() }

    /// The bytes in their order.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        for word in 0..<bits.scalarCount {
            bits[word].forEachBit { bytes.append(UInt8(word * 64 + $0)) }
        }
        return bytes
    }

    /// The digit of a hexadecimal number, in either case.
    static func hexDigit(_ value: UInt8) -> ByteSet {
        value < 10
            ? ByteSet(UInt8(ascii: "0") + value)
            : ByteSet([UInt8(ascii: "a") + value - 10, UInt8(ascii: "A") + value - 10])
    }
}

extension UInt64 {
    /// Calls `body` with the place of each bit that is set, from the lowest.
    ///
    /// Takes a step for each of them, and not for each that there could be: a private key makes thousands of sets, most
    /// with one.
    func forEachBit(_ body: (Int) -> Void) {
        var left = self
        while left != 0 {
            body(left.trailingZeroBitCount)
            left &= left - 1
        }
    }
}
