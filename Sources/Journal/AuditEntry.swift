public import Foundation

/// One line of the audit log.
public struct AuditEntry: Sendable, Hashable {
    /// The version of the line's format, ``current`` for what is written now.
    ///
    /// Format 1 did not announce files; formats 1 and 2 kept facts in a dictionary named `details`,
    /// and changes in words only.
    public var version = Self.current
    /// 1 for the first line, then one more each line; also the line's number.
    public var sequence: Int
    /// When, by the wall clock.
    public var time: Date
    /// Milliseconds since this process opened the run, by a clock nobody can set.
    public var elapsed: Int
    /// The run the line belongs to.
    public var run: RunID
    /// The step it belongs to.
    public var step: String?
    /// What it records.
    public var content: AuditContent
    /// The files that are about to get their names, and transcripts as far as they are written.
    public var files: [FileRecord]?
    /// SHA-256 of the exact bytes of the line before, without its newline; of run.json for the
    /// first line.
    public var previous: String

    /// The version that this program writes.
    public static let current = 3

    /// The versions that this program reads.
    static let formats = 1...current

    /// The log's word for what it records.
    public var kind: AuditKind { content.kind }

    enum CodingKeys: String, CodingKey {
        case time, run, kind, step, files
        case version = "v"
        case sequence = "seq"
        case elapsed = "elapsed_ms"
        case previous = "prev"
    }
}

extension AuditEntry: Codable {
    /// Reads a line of any format so far.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        version = try fields.decode(Int.self, forKey: .version)
        sequence = try fields.decode(Int.self, forKey: .sequence)
        time = try fields.decode(Date.self, forKey: .time)
        elapsed = try fields.decode(Int.self, forKey: .elapsed)
        run = try fields.decode(RunID.self, forKey: .run)
        step = try fields.decodeIfPresent(String.self, forKey: .step)
        files = try fields.decodeIfPresent([FileRecord].self, forKey: .files)
        previous = try fields.decode(String.self, forKey: .previous)
        let kind = try fields.decode(AuditKind.self, forKey: .kind)
        content =
            version < 3 ? try EarlierFields(from: decoder).content(kind) : try AuditContent(kind, from: decoder)
    }

    /// Content and envelope share one object: `jq 'select(.kind == "step.end") | .changes'`.
    public func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(version, forKey: .version)
        try fields.encode(sequence, forKey: .sequence)
        try fields.encode(time, forKey: .time)
        try fields.encode(elapsed, forKey: .elapsed)
        try fields.encode(run, forKey: .run)
        try fields.encodeIfPresent(step, forKey: .step)
        try fields.encodeIfPresent(files, forKey: .files)
        try fields.encode(previous, forKey: .previous)
        try fields.encode(kind, forKey: .kind)
        try content.encode(to: encoder)
    }
}
