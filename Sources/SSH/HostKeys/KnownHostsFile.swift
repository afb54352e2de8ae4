/// The entries of one `known_hosts` file, which all connections share.
final class KnownHostsFile: Sendable {
    /// What a line says.
    enum Content: Sendable {
        case key(PublicKey)
        case authority
        case revoked(PublicKey)
        case unreadableMarker
    }

    /// A line.
    struct Entry: Sendable {
        let content: Content
        let location: KnownHosts.Location
    }

    private static let files = FileCache<KnownHostsFile>()

    private let lines: [Entry]
    /// The numbers of the entries that list a name as it is.
    private let plain: [Substring: [Int]]
    /// The other entries, which are looked through.
    private let patterns: [(hosts: HostPatterns, number: Int)]

    /// Reads the contents of a file; `name` is what errors call it.
    init(_ contents: some Collection<UInt8>, name: String) {
        var lines: [Entry] = []
        var plain: [Substring: [Int]] = [:]
        var patterns: [(hosts: HostPatterns, number: Int)] = []
        let texts = contents.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, text) in texts.enumerated() {
            guard let (hosts, content) = Self.entry(text) else { continue }
            let location = KnownHosts.Location(file: name, line: index + 1)
            if let names = hosts.plainNames {
                for name in Set(names) { plain[name, default: []].append(lines.count) }
            } else {
                patterns.append((hosts, lines.count))
            }
            lines.append(Entry(content: content, location: location))
        }
        (self.lines, self.plain, self.patterns) = (lines, plain, patterns)
    }

    /// The file at `path`.
    static func read(_ path: String) throws(Errno) -> KnownHostsFile {
        try files.value(at: path) { () throws(Errno) in
            KnownHostsFile(try readFile(path).bytes, name: path)
        }
    }

    /// The entries that concern `name`, which must be in lower case, in the order of their lines.
    func entries(for name: String) -> [Entry] {
        let found = patterns.filter { $0.hosts.match(name) }.map(\.number)
        return ((plain[name[...]] ?? []) + found).sorted().map { lines[$0] }
    }

    private static let blanks = Array(" \t".utf8)
    /// What OpenSSH skips in base64, such as the end of a line of Windows.
    private static let skipped = Array("\r\u{b}\u{c}".utf8)

    /// By bytes, because reading characters takes ten times as long, and there may be a line for each of hundreds of hosts.
    private static func entry(
        _ line: some Collection<UInt8>
    ) -> (hosts: HostPatterns, content: Content)? {
        // A marker, names, a type, a key: what follows is a comment. For OpenSSH, a line ends with a NUL.
        var fields = line.prefix { $0 != 0 }.split(maxSplits: 4, whereSeparator: blanks.contains)
            .prefix(4).map { Substring(decoding: $0, as: UTF8.self) }[...]
        guard let first = fields.first?.utf8.first, first != UInt8(ascii: "#") else { return nil }
        let marker = first == UInt8(ascii: "@") ? fields.removeFirst() : ""
        let hosts = fields.popFirst().flatMap(HostPatterns.init)
        let type = fields.popFirst()
        let base64 = fields.popFirst().map { text in
            String(decoding: text.utf8.lazy.filter { !skipped.contains($0) }, as: UTF8.self)
        }
        let key = type.flatMap { type in base64.flatMap { PublicKey(type: type, base64: $0) } }
        switch (marker, hosts, key) {
        case ("", let hosts?, let key?): return (hosts, .key(key))
        case ("", _, _): return nil
        case ("@revoked", let hosts?, let key?): return (hosts, .revoked(key))
        case ("@cert-authority", let hosts?, _): return (hosts, .authority)
        default: return (hosts ?? .everyHost, .unreadableMarker)
        }
    }
}
