import ClientKit

/// One line of an audit log that is whole and follows from the line before.
public struct AuditRecord: Sendable {
    /// The number of the line, and of the record.
    public let number: Int
    /// SHA-256 of the line's bytes in hexadecimal digits.
    public let hash: String
    /// What it records.
    public let kind: AuditKind
    let content: JSONObject
    private let run: RunReader

    /// The line's bytes, without its newline.
    public var bytes: ArraySlice<UInt8> { content.bytes }

    /// Where the chain stands with this record.
    public var head: AuditHead { AuditHead(sequence: number, hash: hash) }

    /// The typed content.
    public func entry() throws(JournalError) -> AuditEntry {
        do {
            return try SealedJSON.decode(AuditEntry.self, from: bytes)
        } catch {
            throw unreadable("\(error)")
        }
    }

    /// What a line of formats 1 and 2 carries besides its envelope.
    func earlierFields() throws(JournalError) -> EarlierFields {
        do {
            return try SealedJSON.decode(EarlierFields.self, from: bytes)
        } catch {
            throw unreadable("\(error)")
        }
    }

    /// The files that it announces, read without the rest of it.
    func files() throws(JournalError) -> [FileRecord] {
        guard let list = content.value("files") else { return [] }
        do throws(StrictJSON.Fault) {
            var files: [FileRecord] = []
            for member in try StrictJSON.members(of: list) {
                let object = try JSONObject(list.within(member.value))
                guard let file = FileRecord(object) else {
                    throw .init(offset: member.value.lowerBound, problem: "a file lacks its path, size or digest")
                }
                files.append(file)
            }
            return files
        } catch {
            throw unreadable("\(error)")
        }
    }

    /// An object that it carries.
    func member(_ key: StaticString) throws(JournalError) -> JSONObject? {
        guard let value = content.value(key) else { return nil }
        do throws(StrictJSON.Fault) {
            return try JSONObject(value)
        } catch {
            throw unreadable("\(error)")
        }
    }

    private func unreadable(_ why: String) -> JournalError {
        AuditDefect(line: number, offset: 0, problem: .unreadable(why)).error("read", run)
    }
}

extension AuditRecord {
    /// A line by itself, before it is known to follow from the one before.
    struct Candidate {
        let content: JSONObject
        let digest: Digest
        let format: Int
        let sequence: Int
        let previous: ArraySlice<UInt8>
        let run: ArraySlice<UInt8>
        let kind: ArraySlice<UInt8>
    }

    init(_ line: Candidate, run: RunReader) {
        number = line.sequence
        hash = line.digest.hex
        kind = AuditKind(rawValue: String(decoding: line.kind, as: UTF8.self))
        content = line.content
        self.run = run
    }

    /// Reads a line, whose seal must be right; the chain is judged by ``AuditChain``.
    static func candidate(_ line: ArraySlice<UInt8>) throws(AuditDefect.Unfit) -> Candidate {
        guard let digest = SealedJSON.digestOfWholeLine(line) else {
            throw AuditDefect.Unfit(problem: line.contains(0) ? .zeros : .edited)
        }
        let content: JSONObject
        do throws(StrictJSON.Fault) {
            content = try JSONObject(line, isLine: true)
        } catch {
            throw AuditDefect.Unfit(problem: .unreadable("\(error)"))
        }
        guard let sequence = content.integer("seq"), let previous = content.plainText("prev"),
            let run = content.plainText("run"), let kind = content.plainText("kind"), !kind.isEmpty
        else { throw AuditDefect.Unfit(problem: .unreadable("it lacks its number, run, kind or the digest before it")) }
        let format = content.integer("v") ?? 0
        guard AuditEntry.formats.contains(format) else { throw AuditDefect.Unfit(problem: .format(format)) }
        return Candidate(
            content: content, digest: digest, format: format, sequence: sequence, previous: previous, run: run,
            kind: kind)
    }
}

extension AuditDefect {
    /// Why a line is no record, whatever comes before it.
    struct Unfit: Error {
        let problem: Problem
    }
}
