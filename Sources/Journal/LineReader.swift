/// Reads a file line by line in pieces: it may be larger than memory, and may grow while it is
/// read.
struct LineReader {
    /// No record is longer; a file without newlines must not fill the memory.
    static let longestLine = 64 << 20

    let file: Descriptor
    /// Where the next line begins.
    private(set) var offset: Int
    private var buffer: [UInt8] = []
    private var start = 0
    /// Up to where the buffer holds no newline.
    private var searched = 0

    /// Reads what `file` has from its present place on, which is `offset`.
    init(_ file: Descriptor, offset: Int = 0) {
        self.file = file
        self.offset = offset
    }

    /// The bytes after the last newline that were read so far.
    var rest: ArraySlice<UInt8> { buffer[start...] }

    /// Whether the line that begins at ``offset`` is longer than ``longestLine``.
    var isTooLong: Bool { rest.count > Self.longestLine }

    /// The next line without its newline; nil where the file has no more whole ones, or
    /// ``isTooLong``.
    mutating func next() throws(JournalError) -> ArraySlice<UInt8>? {
        while true {
            if let end = buffer[searched...].firstNewline {
                let line = buffer[start..<end]
                start = end + 1
                searched = start
                offset += line.count + 1
                return line
            }
            searched = buffer.count
            if isTooLong { return nil }
            let piece = try file.read(upTo: 1 << 18)
            if piece.isEmpty { return nil }
            buffer.removeFirst(start)
            searched -= start
            start = 0
            buffer += piece
        }
    }

    /// Passes over the line that is too long; false where the file ends within it.
    mutating func skipLine() throws(JournalError) -> Bool {
        while true {
            if let end = buffer[start...].firstNewline {
                offset += end + 1 - start
                start = end + 1
                searched = start
                return true
            }
            offset += buffer.count - start
            // A file may be much larger than its disk; a hole has no newline.
            if let data = try file.dataStart(from: offset) {
                try file.seek(to: data)
                offset = data
            }
            buffer = try file.read(upTo: 1 << 18)
            (start, searched) = (0, 0)
            if buffer.isEmpty { return false }
        }
    }
}
