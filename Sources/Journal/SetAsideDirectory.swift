import ClientKit
import Glibc

/// A directory under runs/ that a run gave another name, as its record tells.
public struct SetAsideDirectory: Sendable, Hashable, Codable {
    /// What a directory without run.json is.
    public enum Result: String, Sendable, Codable {
        /// A run had begun in it: files of it were removed.
        case damaged
        /// Its run was cut off before its first record.
        case neverBegan = "never began"
    }

    /// The name that it got.
    public let name: String
    /// One digest over all of its files then: that of what `find -type f -printf '%P\n' | LC_ALL=C
    /// sort | xargs sha256sum` prints.
    public let sha256: String
    /// What it is.
    public let result: Result
    /// What was done, in a sentence.
    public let text: String

    init(name: String, sha256: String, result: Result) {
        let what =
            switch result {
            case .damaged: "a run's directory without run.json was found and is called"
            case .neverBegan: "what is left of a run that was cut off before its first record is called"
            }
        let why = result == .damaged ? ": files of it were removed" : ""
        self.init(name: name, sha256: sha256, result: result, text: "\(what) runs/\(name) now\(why)")
    }

    init(name: String, sha256: String, result: Result, text: String) {
        self.name = name
        self.sha256 = sha256
        self.result = result
        self.text = text
    }

    /// Whether a run had begun in it.
    var isDamaged: Bool { result == .damaged }
}

/// One digest over all files of a directory.
///
/// That of what `find -type f -printf '%P\n' | LC_ALL=C sort | xargs sha256sum` prints; of a name of two lines, which could
/// pass for two files there, of what sha256sum prints by itself.
struct DirectoryDigest {
    let sha256: String

    /// Nil where there is no such directory.
    init?(of path: String) throws(JournalError) {
        guard try Disk.exists(path) else { return nil }
        var hash = SHA256()
        for file in try RunTree(path).files.sorted(by: { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }) {
            guard let facts = try FileFacts(of: "\(path)/\(file)") else { continue }
            hash.update(data: Self.line(of: file, digest: facts.sha256).utf8)
        }
        sha256 = hash.finalize().hex
    }

    private static func line(of file: String, digest: String) -> String {
        guard file.utf8.contains(UInt8(ascii: "\n")) else { return "\(digest)  \(file)\n" }
        let escaped = String(decoding: file.utf8.flatMap(Self.escaped), as: UTF8.self)
        return "\\\(digest)  \(escaped)\n"
    }

    private static func escaped(_ byte: UInt8) -> [UInt8] {
        switch byte {
        case UInt8(ascii: "\\"): Array("\\\\".utf8)
        case UInt8(ascii: "\n"): Array("\\n".utf8)
        case UInt8(ascii: "\r"): Array("\\r".utf8)
        default: [byte]
        }
    }
}
