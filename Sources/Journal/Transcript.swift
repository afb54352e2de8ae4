import ClientKit
import Foundation
import Glibc

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
    private let state = Locked(State())

    init(path: String, disk: Disk) throws(JournalError) {
        file = try Descriptor(path, O_WRONLY | O_CREAT | O_APPEND)
        self.disk = disk
    }

    /// Writes whole lines, and keeps a failure for ``failure``: output is received where nothing can be thrown.
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

    /// The first failure since the file was opened; nothing was written after it.
    var failure: JournalError? { state.withLock { $0.failure } }

    /// Makes everything written so far durable.
    func sync() throws(JournalError) {
        let isUnsynced = state.withLock { state in
            defer { state.isUnsynced = false }
            return state.isUnsynced && state.failure == nil
        }
        guard isUnsynced else { return }
        try disk.syncData(file)
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
        while let end = rest.firstNewline {
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
