import ClientKit
public import Foundation

/// That a run was exported: of what, and as what.
public struct RunExport: Codable, Sendable, Hashable {
    /// The run.
    public let run: RunID
    /// Where its log ended then.
    public let head: AuditHead
    /// One digest over all of its files then: that of what `find -type f -printf '%P\n' | LC_ALL=C
    /// sort | xargs sha256sum` prints.
    public let files: String
    /// How many bytes the archive has.
    public let bytes: Int
    /// SHA-256 of the archive.
    public let sha256: String
    /// When.
    public let time: Date
    /// By whom, and from where.
    public let who: Origin
}

extension RunReader {
    /// SHA-256 of the run's log, in hexadecimal digits; of nothing where there is none.
    public func logDigest() throws(JournalError) -> String {
        try FileFacts(of: "\(path)/audit.jsonl")?.sha256 ?? SHA256().finalize().hex
    }

    /// One digest over all files of the run; nil where there is no such run any more.
    public func filesDigest() throws(JournalError) -> String? { try DirectoryDigest(of: path)?.sha256 }
}

extension RunReader {
    /// The first large file of the run that has holes: reading all of it may take years.
    public func firstFileWithHoles() throws(JournalError) -> String? {
        for name in try RunTree(path).files.sorted() {
            guard let file = try Descriptor.ifPresent("\(path)/\(name)", O_RDONLY) else { continue }
            if try file.isLargeWithHoles() { return name }
        }
        return nil
    }
}

extension StateDirectory {
    /// Puts on record, durably, that all files of a run are in an archive.
    ///
    /// - Parameters:
    ///   - run: The run.
    ///   - files: ``RunReader/filesDigest()`` of what was put into it.
    ///   - head: Where the run's log ended.
    ///   - path: The archive.
    ///   - who: By whom, and from where.
    public func recordExport(
        of run: RunReader, files: String, head: AuditHead, archive path: String, who: Origin = .current()
    ) throws(JournalError) {
        guard let archive = try FileFacts(following: path) else { throw .system("open", path, ENOENT) }
        let export = RunExport(
            run: run.id, head: head, files: files, bytes: archive.bytes, sha256: archive.sha256, time: Date(),
            who: who)
        try RetentionList(self).append(.init(export: export))
    }
}
