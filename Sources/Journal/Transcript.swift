import ClientKit
import Foundation
import Glibc

/// The file `steps/<step>.log`: what each remote command of a step was and what it put out,
/// redacted.
///
/// Each line begins with `#`, the number of the command's start record, and a mark, so that the
/// output of commands that run at once can be told apart, no output can pose as another line, and
/// the exact bytes can be put together again and compared with the digest in the audit log; see
/// ``TranscriptLine``.
final class Transcript: Sendable {
    private struct State {
        var isUnsynced = false
        /// Whether its name is durable.
        var isNamed = false
        var failure: JournalError?
        var hash = SHA256()
        var length = 0
    }

    private let name: String
    private let folder: String
    private let file: Descriptor
    private let disk: Disk
    private let state = Locked(State())

    /// Goes on after what the file has already.
    init(_ name: String, in run: String, disk: Disk) throws(JournalError) {
        self.name = name
        folder = Disk.split("\(run)/\(name)").folder
        self.disk = disk
        file = try Descriptor("\(run)/\(name)", O_RDWR | O_CREAT | O_APPEND)
        var before = State()
        var last: UInt8?
        // A new one is not read: were that to fail, an empty file would stay that no record announces.
        let isNew = try file.size() == 0
        while !isNew, case let piece = try file.read(upTo: 1 << 18), !piece.isEmpty {
            before.hash.update(data: piece)
            before.length += piece.count
            last = piece.last
        }
        before.isNamed = before.length > 0
        state.withLock { $0 = before }
        // What a process wrote that was killed within a line stays, and the next line is one of its
        // own.
        let newline = UInt8(ascii: "\n")
        if let last, last != newline { write([newline]) }
    }

    /// The file as far as it is written, for the record that announces it.
    var announcement: FileRecord {
        state.withLock { FileRecord(path: name, bytes: $0.length, sha256: $0.hash.finalize().hex) }
    }

    /// Writes whole lines, and keeps a failure for ``failure``: output is received where nothing
    /// can be thrown.
    func write(_ lines: [UInt8]) {
        if lines.isEmpty { return }
        state.withLock { state in
            guard state.failure == nil else { return }
            do throws(JournalError) {
                try file.write(lines)
                state.hash.update(data: lines)
                state.length += lines.count
                state.isUnsynced = true
            } catch {
                disk.releaseReserve(after: error)
                state.failure = error
                // What was written of it belongs to no record; where it stays, the verifier names
                // it.
                do throws(JournalError) { try file.truncate(to: state.length) } catch { state.failure = error }
            }
        }
    }

    /// The first failure since the file was opened; nothing was written after it.
    var failure: JournalError? { state.withLock { $0.failure } }

    /// Makes everything written so far durable, also after a failure: records announce what came before it.
    func sync() throws(JournalError) {
        let (isUnsynced, isNamed) = state.withLock { state in
            defer { state.isUnsynced = false }
            return (state.isUnsynced, state.isNamed)
        }
        guard isUnsynced else { return }
        try disk.syncData(file)
        // The name of a new file is in its folder, which is synced by itself.
        guard !isNamed else { return }
        try disk.syncDirectory(folder)
        state.withLock { $0.isNamed = true }
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
