import ClientKit
import Glibc

/// A directory under runs/ that a run gave another name, as its record tells.
struct SetAsideDirectory: Sendable, Hashable, Codable {
    /// The name that it got.
    let name: String
    /// Its ``DirectoryDigest`` then.
    let sha256: String
    /// Whether a run had begun in it: then files of it were removed.
    let isDamaged: Bool

    init(name: String, sha256: String, isDamaged: Bool) {
        self.name = name
        self.sha256 = sha256
        self.isDamaged = isDamaged
    }

    init?(_ entry: AuditEntry) {
        guard let name = entry.details?["name"], let sha256 = entry.details?["sha256"] else { return nil }
        self.init(name: name, sha256: sha256, isDamaged: entry.result == Self.damaged)
    }

    /// The result in the record.
    var result: String { isDamaged ? Self.damaged : "never began" }

    private static let damaged = "damaged"
}

/// One digest over all files of a directory: that of what `find -type f -printf '%P\n' | LC_ALL=C
/// sort | xargs sha256sum` prints.
struct DirectoryDigest {
    let sha256: String

    /// Nil where there is no such directory.
    init?(of path: String) throws(JournalError) {
        guard access(path, F_OK) == 0 else { return nil }
        var hash = SHA256()
        for file in try RunTree(path).files.sorted(by: { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }) {
            guard let facts = try FileFacts(of: "\(path)/\(file)") else { continue }
            hash.update(data: "\(facts.sha256)  \(file)\n".utf8)
        }
        sha256 = hash.finalize().hex
    }
}
