import ClientKit
import Glibc

extension FileRecord {
    /// What a whole file with this content is announced as.
    init(_ path: String, _ content: [UInt8], was: String? = nil) {
        self.init(path: path, bytes: content.count, sha256: SHA256.hash(data: content).hex, was: was)
    }

    /// Reads what a record says, without decoding the rest of it.
    init?(_ object: JSONObject) {
        guard let path = object.text("path"), let bytes = object.integer("bytes"), bytes >= 0,
            let sha256 = object.text("sha256")
        else { return nil }
        self.init(path: path, bytes: bytes, sha256: sha256, was: object.text("was"))
    }

    /// Whether it is a transcript, which is announced again whenever it has grown.
    var isTranscript: Bool { path.hasPrefix("steps/") }
}

/// Size and digest of a file, read in pieces.
struct FileFacts: Hashable {
    let bytes: Int
    let sha256: String

    /// Those of the file at `path`, which must be a plain one; nil where there is none.
    init?(of path: String) throws(JournalError) {
        guard let file = try Descriptor.ifPresent(path, O_RDONLY) else { return nil }
        if try file.isLargeWithHoles() {
            self.init(bytes: try file.size(), sha256: "not computed: the file has holes")
            return
        }
        try self.init(reading: file)
    }

    /// Those of the file that `path` is a link to.
    init?(following path: String) throws(JournalError) {
        guard let file = try Descriptor.ifPresent(path, O_RDONLY, follows: true) else { return nil }
        try self.init(reading: file)
    }

    /// Those of a file that was opened, from its present place on.
    init(reading file: Descriptor) throws(JournalError) {
        var hash = SHA256()
        var count = 0
        // One buffer that the processor's cache holds: new ones cost more than the digest of what is in them.
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let got = try file.read(into: &buffer), got > 0 {
            hash.update(data: buffer[..<got])
            count += got
        }
        self.init(bytes: count, sha256: hash.finalize().hex)
    }

    init(bytes: Int, sha256: String) {
        self.bytes = bytes
        self.sha256 = sha256
    }
}
