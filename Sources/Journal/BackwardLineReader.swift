/// Reads a file line by line from its end to its beginning, in pieces: what is wanted of a list is nearly always at its end.
struct BackwardLineReader {
    private let file: Descriptor
    /// What lies before the lines that were given, as far as it was read.
    private var buffer: ArraySlice<UInt8> = []
    /// Where the buffer begins in the file.
    private var start: Int
    private var isAtEnd = false

    /// Reads what `file` has now.
    init(_ file: Descriptor) throws(JournalError) {
        self.file = file
        start = try file.size()
        // What follows the last newline is no whole line.
        _ = try next()
    }

    /// The line before, without its newline; nil before the first one.
    mutating func next() throws(JournalError) -> ArraySlice<UInt8>? {
        while !isAtEnd {
            if let newline = buffer.lastIndex(of: 0x0a) {
                let line = buffer[(newline + 1)...]
                buffer = buffer[..<newline]
                return line
            }
            if start == 0 {
                isAtEnd = true
                return buffer
            }
            // Twice as much each time, since what there is of a long line is copied.
            let count = min(start, max(1 << 16, buffer.count))
            let piece = try file.read(upTo: count, at: start - count)
            // Only a stranger makes a list shorter, or writes such lines; `audit verify` says what is wrong with it.
            guard piece.count == count, buffer.count <= LineReader.longestLine else {
                isAtEnd = true
                break
            }
            start -= count
            buffer = (piece + buffer)[...]
        }
        return nil
    }
}
