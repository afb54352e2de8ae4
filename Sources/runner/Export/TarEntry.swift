/// A folder, or a file whose content is in memory, as tar writes it: of the owner root, and of no time.
///
/// POSIX.1-1988, the "ustar" form, which every tar reads.
struct TarEntry {
    private let name: String
    private let content: [UInt8]?

    /// A file of mode 0600; its name has at most 100 bytes.
    init(file name: String, content: [UInt8]) { (self.name, self.content) = (name, content) }

    /// A folder of mode 0700; its name has at most 99 bytes.
    init(folder name: String) { (self.name, content) = ("\(name)/", nil) }

    /// The header, and the content filled up to whole blocks.
    var bytes: [UInt8] {
        let content = content ?? []
        return header(ofSize: content.count) + content
            + [UInt8](repeating: 0, count: -content.count & (Self.block - 1))
    }

    private static let block = 512
    private static let checksum = 148..<156

    private func header(ofSize size: Int) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: Self.block)
        func put(_ text: String, at place: Int) {
            for (index, byte) in text.utf8.enumerated() { header[place + index] = byte }
        }
        precondition(name.utf8.count <= 100, "\(name) does not fit into a header of tar")
        put(name, at: 0)
        put(content == nil ? "0000700" : "0000600", at: 100)
        put("0000000", at: 108)
        put("0000000", at: 116)
        put(Self.octal(size, digits: 11), at: 124)
        put("00000000000", at: 136)
        put(content == nil ? "5" : "0", at: 156)
        put("ustar\0" + "00", at: 257)
        // The sum counts its own field as spaces.
        for place in Self.checksum { header[place] = UInt8(ascii: " ") }
        let sum = header.reduce(0) { $0 + Int($1) }
        put(Self.octal(sum, digits: 6) + "\0", at: Self.checksum.lowerBound)
        return header
    }

    private static func octal(_ number: Int, digits: Int) -> String {
        let text = String(number, radix: 8)
        return String(repeating: "0", count: digits - text.utf8.count) + text
    }
}
