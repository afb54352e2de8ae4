import ClientKit
import Glibc

/// A sealed JSON file outside of the state directory, such as a plan that an operator keeps: one that was cut or edited is
/// distinguished from one that is as it was written.
public struct SealedFile<Content: Codable & Sendable>: Sendable {
    /// What the file says.
    public let content: Content
    /// Its bytes, seal included.
    public let bytes: [UInt8]

    /// SHA-256 of its bytes in hexadecimal digits.
    public var sha256: String { SHA256.hash(data: bytes).hex }

    /// Seals `content`; no file is written yet.
    public init(sealing content: Content) throws(JournalError) {
        self.content = content
        bytes = try SealedJSON.file(content)
    }

    /// Reads the file at `path`; throws an error of kind `badInput` unless it is as it was written.
    public init(reading path: String, remedy: String) throws(JournalError) {
        guard let bytes = try Disk.read(path, follows: true) else {
            throw .badState("read", path, "there is no such file", remedy: remedy)
        }
        switch SealedJSON.file(Content.self, bytes) {
        case .whole(let content): (self.content, self.bytes) = (content, bytes)
        case .damaged(let why): throw .badState("read", path, why, remedy: remedy)
        case .missing: throw .badState("read", path, "it is empty", remedy: remedy)
        }
    }

    /// Puts it in the place of `path`, durably and for the owner's eyes only: readers see what was there before, or all of it.
    public func write(to path: String) throws(JournalError) {
        try WholeFile.put(bytes, at: path)
    }
}

extension WholeFile {
    /// Puts `bytes` in the place of `path`, with errors of the journal.
    static func put(_ bytes: [UInt8], at path: String) throws(JournalError) {
        do {
            try replace(path, with: bytes)
        } catch let failure as Failure {
            throw .system("create", path, failure.code)
        } catch {
            throw .defect("create", path, "\(error)")
        }
    }
}
