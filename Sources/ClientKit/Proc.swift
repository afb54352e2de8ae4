import Glibc

/// Reads small files that the kernel makes.
enum Proc {
    /// The first line; `nil` if it cannot be read.
    static func line(of path: String) -> String? {
        lines(of: path, atMost: 1).first
    }

    /// What follows `label` on the line that begins with it, without spaces around.
    static func line(of path: String, after label: String) -> String? {
        lines(of: path, atMost: 256).first { $0.hasPrefix(label) }.map {
            String($0.dropFirst(label.count).drop { $0 == " " || $0 == "\t" })
        }
    }

    /// What a symbolic link of /proc says.
    static func target(of link: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 256)
        guard readlink(link, &buffer, buffer.count - 1) > 0 else { return nil }
        return text(buffer)
    }

    private static func lines(of path: String, atMost limit: Int) -> [String] {
        guard let file = fopen(path, "re") else { return [] }
        defer { fclose(file) }
        var lines: [String] = []
        var buffer = [CChar](repeating: 0, count: 4096)
        while lines.count < limit, fgets(&buffer, Int32(buffer.count), file) != nil { lines.append(text(buffer)) }
        return lines
    }

    private static func text(_ buffer: [CChar]) -> String {
        String(decoding: buffer.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
