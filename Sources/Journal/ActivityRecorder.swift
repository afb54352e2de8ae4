import ClientKit
import Foundation

/// Takes the output of one command while it comes: redacts, hashes and writes it, holding no more
/// than a piece in memory.
final class ActivityRecorder: Sendable {
    private struct Stream {
        var redaction = RedactionStream()
        var lines: TranscriptStream
        var hash = SHA256()
        var count = 0

        init(command: Int, stream: ClientKit.OutputStream) {
            lines = TranscriptStream(command: command, stream: stream)
        }

        mutating func feed(_ bytes: ArraySlice<UInt8>, _ table: RedactionTable, isEnd: Bool) -> [UInt8] {
            let safe = redaction.feed(bytes, table, isEnd ? .cut : .open)
            hash.update(data: safe)
            count += safe.count
            return lines.feed(safe, isEnd: isEnd)
        }

        var digest: ContentDigest? { count == 0 ? nil : ContentDigest(bytes: count, sha256: hash.finalize().hex) }
    }

    private struct State {
        var stdout: Stream
        var stderr: Stream
        var withheld = 0
    }

    /// The number of the start record.
    let command: Int
    /// The step the command belongs to.
    let step: String?
    let transcript: Transcript
    private let redactor: Redactor
    /// Whether standard output holds secrets that the redactor may not know yet: it is replaced as
    /// a whole.
    private let isSecret: Bool
    private let state: Locked<State>

    init(command: Int, step: String?, transcript: Transcript, redactor: Redactor, isSecret: Bool) {
        self.command = command
        self.step = step
        self.transcript = transcript
        self.redactor = redactor
        self.isSecret = isSecret
        state = Locked(
            State(
                stdout: Stream(command: command, stream: .stdout), stderr: Stream(command: command, stream: .stderr)))
    }

    /// Writes the lines that open the command's part of the transcript.
    func begin(_ start: CommandStart, at time: Date) {
        let words = start.command.map(TranscriptWord.init).map(\.description).joined(separator: " ")
        // A host may be what a Sentinel answered.
        let opening =
            "\(RecordTimestamp.text(time)) \(start.host.onOneLine) \(start.channel.rawValue) "
            + start.effect.rawValue
        let purpose = start.purpose.map { "#\(command) for \($0.onOneLine)\n" }
        transcript.write(Array("#\(command) begin \(opening)\n\(purpose ?? "")#\(command) $ \(words)\n".utf8))
    }

    func receive(_ bytes: ArraySlice<UInt8>, from stream: ClientKit.OutputStream) {
        let table = redactor.table
        state.withLock { state in
            switch stream {
            case .stdout where isSecret: state.withheld += bytes.count
            case .stdout: transcript.write(state.stdout.feed(bytes, table, isEnd: false))
            case .stderr: transcript.write(state.stderr.feed(bytes, table, isEnd: false))
            }
        }
    }

    /// Writes what was held back and gives the digests of both streams.
    func finish() -> (stdout: ContentDigest?, stderr: ContentDigest?) {
        let table = redactor.table
        return state.withLock { state in
            if state.withheld > 0 {
                let words = Array("\(Redactor.mask) \(state.withheld) bytes that hold secrets\n".utf8)
                transcript.write(state.stdout.feed(words[...], table, isEnd: false))
            }
            transcript.write(state.stdout.feed([], table, isEnd: true))
            transcript.write(state.stderr.feed([], table, isEnd: true))
            return (state.stdout.digest, state.stderr.digest)
        }
    }
}

/// A word of a command as one would type it in a shell, always on one line; for reading only.
struct TranscriptWord: CustomStringConvertible {
    let word: String

    init(_ word: String) { self.word = word }

    var description: String {
        let bytes = word.utf8
        let isPlain = bytes.allSatisfy { ASCII.isAlphanumeric($0) || Self.harmless.contains($0) }
        if isPlain, !bytes.isEmpty { return word }
        guard word.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
            return "'\(word.replacing("'", with: #"'\''"#))'"
        }
        var text = ""
        for scalar in word.unicodeScalars {
            switch scalar {
            case "\n": text += "\\n"
            case "'", "\\": text += "\\\(scalar)"
            case _ where scalar.properties.generalCategory == .control:
                text += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: text.unicodeScalars.append(scalar)
            }
        }
        return "$'\(text)'"
    }

    private static let harmless = Array("@%+=:,./-_".utf8)
}

extension String {
    /// Itself with a space for each newline: a transcript has one line for it.
    var onOneLine: String { split(whereSeparator: \.isNewline).joined(separator: " ") }
}
