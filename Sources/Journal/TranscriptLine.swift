import ClientKit
import Glibc

/// One line of a transcript, taken apart.
///
///     #12 begin 2026-11-24T08:45:01.123Z k8s-master-01 ssh change
///     #12 for list pods in support
///     #12 $ kubectl get pods
///     #12 out| a line of standard output
///     #12 err| a line of standard error
///     #12 out~ a piece of output that no newline ended
///     #12 end exited 0 after 52 ms
public struct TranscriptLine: Sendable, Hashable {
    /// What a line is.
    public enum Kind: String, Sendable, Hashable {
        /// A command is about to be sent: time, host, channel, effect.
        case begin
        /// What it is for, in words.
        case purpose = "for"
        /// Its argument vector, for reading.
        case command = "$"
        /// A line of standard output.
        case output = "out|"
        /// A piece of standard output without a newline.
        case outputPiece = "out~"
        /// A line of standard error.
        case error = "err|"
        /// A piece of standard error without a newline.
        case errorPiece = "err~"
        /// What came back.
        case end
        /// No line that a run writes.
        case foreign = "?"
    }

    /// The number of the command's start record in the audit log.
    public let command: Int
    /// What the line is.
    public let kind: Kind
    /// The bytes after the mark, as they came; a terminal must not get them raw.
    public let content: ArraySlice<UInt8>

    /// Takes a line (without its newline) apart; nil where it is none.
    public init?(_ line: ArraySlice<UInt8>) {
        let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count == 3, fields[0].first == UInt8(ascii: "#"),
            let command = Int(String(decoding: fields[0].dropFirst(), as: UTF8.self)),
            let kind = Kind(rawValue: String(decoding: fields[1], as: UTF8.self)), kind != .foreign
        else { return nil }
        self.command = command
        self.kind = kind
        content = fields[2]
    }

    private init(foreign line: ArraySlice<UInt8>) {
        command = 0
        kind = .foreign
        content = line
    }

    /// The line, whatever it is.
    static func any(_ line: ArraySlice<UInt8>) -> TranscriptLine {
        TranscriptLine(line) ?? TranscriptLine(foreign: line)
    }

    /// The content as text that is safe on a terminal: what that would obey or hide shows as
    /// `\u{…}`.
    public var text: String { String(decoding: content, as: UTF8.self).visible }
}

/// Reads a step's transcript line by line, and only what is new of it.
public struct TranscriptReader {
    private var lines: LineReader?
    private let path: String
    private var hasEnded = false

    /// Begins with the first line.
    public init(_ run: RunReader, step: String) throws(JournalError) {
        path = run.transcriptPath(of: step)
    }

    /// The next line; nil where there is no more.
    ///
    /// - Parameter isGrowing: Whether the run is under way: then a last line without its end is
    ///   waited for.
    public mutating func next(isGrowing: Bool = false) throws(JournalError) -> TranscriptLine? {
        if lines == nil { lines = try Descriptor.ifPresent(path, O_RDONLY).map { LineReader($0) } }
        if let line = try lines?.next() { return .any(line) }
        guard !isGrowing, !hasEnded, let rest = lines?.rest, !rest.isEmpty else { return nil }
        hasEnded = true
        return .any(rest)
    }
}
