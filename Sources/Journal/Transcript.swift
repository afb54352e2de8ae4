import ClientKit
import Foundation
import Glibc
import Synchronization

/// The file `steps/<step>.log`: what each remote command of a step was and what it put out, redacted.
///
/// Each line begins with `#`, the number of the command's start record, and a mark, so that the output of commands that run at
/// once can be told apart, no output can pose as another line, and the exact bytes can be put together again and compared
/// with the digest in the audit log; see ``TranscriptLine``.
final class Transcript: Sendable {
    private struct State {
        var isUnsynced = false
        var failure: JournalError?
    }

    private let file: Descriptor
    private let disk: Disk
    private let state = Mutex(State())

    init(path: String, disk: Disk) throws(JournalError) {
        file = try Descriptor(path, O_WRONLY | O_CREAT | O_APPEND)
        self.disk = disk
    }

    /// Writes whole lines. A failure is kept for ``check()``: output is received where nothing can be thrown.
    func write(_ lines: [UInt8]) {
        if lines.isEmpty { return }
        state.withLock { state in
            guard state.failure == nil else { return }
            do throws(JournalError) {
                try file.write(lines)
                state.isUnsynced = true
            } catch {
                disk.releaseReserve(after: error)
                state.failure = error
            }
        }
    }

    /// Throws the first failure since the file was opened.
    func check() throws(JournalError) {
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    /// Makes everything written so far durable.
    func sync() throws(JournalError) {
        let isUnsynced = state.withLock { state in
            defer { state.isUnsynced = false }
            return state.isUnsynced && state.failure == nil
        }
        guard isUnsynced else { return }
        do throws(JournalError) {
            try disk.syncData(file)
        } catch {
            state.withLock { $0.failure = error }
            throw error
        }
    }
}

/// Turns the redacted bytes of one stream of one command into transcript lines.
struct TranscriptStream {
    private let whole: [UInt8]
    private let piece: [UInt8]
    private var pending: [UInt8] = []

    /// A line of output longer than this is written in pieces, so that it is never held in memory.
    static let longestPiece = 16 << 10

    init(command: Int, stream: ClientKit.OutputStream) {
        let name = stream == .stdout ? "out" : "err"
        whole = Array("#\(command) \(name)| ".utf8)
        piece = Array("#\(command) \(name)~ ".utf8)
    }

    mutating func feed(_ bytes: [UInt8], isEnd: Bool) -> [UInt8] {
        let newline = UInt8(ascii: "\n")
        var lines: [UInt8] = []
        lines.reserveCapacity(bytes.count + bytes.count / 4 + 64)
        var rest = bytes[...]
        while let end = rest.firstIndex(of: newline) {
            lines += whole
            lines += pending
            lines += rest[...end]
            pending.removeAll(keepingCapacity: true)
            rest = rest[(end + 1)...]
        }
        pending += rest
        if pending.count > Self.longestPiece || (isEnd && !pending.isEmpty) {
            lines += piece
            lines += pending
            lines.append(newline)
            pending.removeAll(keepingCapacity: true)
        }
        return lines
    }
}

/// One line of a transcript, taken apart.
///
///     #12 begin 2026-11-24T08:45:01.123Z k8s-master-01 ssh change
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

    /// The content as text that is safe on a terminal: control characters other than tab show as `\u{…}`.
    public var text: String {
        var shown = ""
        for scalar in String(decoding: content, as: UTF8.self).unicodeScalars {
            let isControl = scalar.properties.generalCategory == .control && scalar != "\t"
            shown += isControl ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
        }
        return shown
    }
}
