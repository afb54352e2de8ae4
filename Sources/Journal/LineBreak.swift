/// A line break, real or escaped, and the indentation after it, between two digits of base64.
///
/// It is the same at each digit, so a graph only says where one may be: with a copy for each digit, nine tenths of its
/// edges were those of line breaks, and a run with the usual secrets held 40 MB of them.
enum LineBreak {
    /// Where in a break the text is.
    enum Place: Int32, CaseIterable {
        /// At the place of the graph that the break comes before: not within it yet.
        case before
        /// Behind the newline: the digit may follow, as it may at ``before``.
        case indentation
        case carriageReturn
        case backslash
        /// Behind the `r` of `\r\n`.
        case escapedReturn
    }

    /// Every step within a break, and the first into it.
    static let edges: [(bytes: ByteSet, from: Place, to: Place)] = [
        (newline, .before, .indentation), (carriageReturn, .before, .carriageReturn),
        (newline, .carriageReturn, .indentation), (ByteSet(" \t".utf8), .indentation, .indentation),
        (backslash, .before, .backslash), (backslash, .backslash, .backslash),
        (ByteSet(UInt8(ascii: "n")), .backslash, .indentation),
        // `\r\n` passes through the backslash twice.
        (ByteSet(UInt8(ascii: "r")), .backslash, .escapedReturn), (backslash, .escapedReturn, .backslash),
    ]

    private static let newline = ByteSet(UInt8(ascii: "\n"))
    private static let carriageReturn = ByteSet(UInt8(ascii: "\r"))
    private static let backslash = ByteSet(UInt8(ascii: "\\"))

    /// How many places a break has of its own.
    private static let own = Int32(Place.allCases.count - 1)

    /// The number of a place of the break before `place`, in a graph of `count` places.
    static func number(of part: Place, before place: Int32, count: Int) -> Int32 {
        part == .before ? place : Int32(count) + place * own + part.rawValue - 1
    }

    /// The place of the graph before which the break is that `place` is within; nil where it is the graph's own.
    static func origin(of place: Int32, count: Int) -> (part: Place, before: Int32)? {
        let number = place - Int32(count)
        guard number >= 0, let part = Place(rawValue: number % own + 1) else { return nil }
        return (part, number / own)
    }
}
