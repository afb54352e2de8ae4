import Glibc

/// One line of a transcript, taken apart.
///
///     #12 begin 2026-11-24T08:45:01.123Z k8s-master-01 ssh change
///     #12 for list pods in chatwoot
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
            let kind = Kind(rawValue: String(decoding: fields[1], as: UTF8.self))
        else { return nil }
        self.command = command
        self.kind = kind
        content = fields[2]
    }

    /// The content as text that is safe on a terminal: control characters other than tab show as
    /// `\u{…}`.
    public var text: String {
        var shown = ""
        for scalar in String(decoding: content, as: UTF8.self).unicodeScalars {
            let isControl = scalar.properties.generalCategory == .control && scalar != "\t"
            shown += isControl ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
        }
        return shown
    }
}

extension RunReader {
    /// The next lines of a step's transcript, from `offset` on; call again with the returned
    /// offset, also to follow a run.
    ///
    /// - Returns: About a megabyte of whole lines, none where there are no more yet, and where the
    ///   next ones begin.
    public func transcript(
        of step: String, from offset: Int = 0
    ) throws(JournalError) -> (lines: [TranscriptLine], next: Int) {
        guard let file = try Descriptor.ifPresent(transcriptPath(of: step), O_RDONLY) else { return ([], offset) }
        try file.seek(to: offset)
        var reader = LineReader(file, offset: offset)
        var lines: [TranscriptLine] = []
        while reader.offset < offset + 1 << 20, let line = try reader.next() {
            if let line = TranscriptLine(line) { lines.append(line) }
        }
        return (lines, reader.offset)
    }
}
