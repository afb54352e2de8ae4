import ClientKit
import Glibc

/// The digests of the output of every command in a transcript, read in pieces.
struct TranscriptDigests {
    private(set) var byCommand: [Int: (stdout: ContentDigest?, stderr: ContentDigest?)] = [:]

    private struct Running {
        var hash = SHA256()
        var count = 0

        mutating func add(_ bytes: ArraySlice<UInt8>, newline: Bool) {
            hash.update(data: bytes)
            count += bytes.count
            guard newline else { return }
            hash.update(data: [UInt8(ascii: "\n")])
            count += 1
        }

        var digest: ContentDigest? { count == 0 ? nil : ContentDigest(bytes: count, sha256: hash.finalize().hex) }
    }

    init(path: String) throws(JournalError) {
        var running: [Int: (stdout: Running, stderr: Running)] = [:]
        guard let file = try Descriptor.ifPresent(path, O_RDONLY) else { return }
        var lines = LineReader(file)
        while let bytes = try lines.next() {
            guard let line = TranscriptLine(bytes) else { continue }
            var own = running.removeValue(forKey: line.command) ?? (Running(), Running())
            switch line.kind {
            case .output: own.stdout.add(line.content, newline: true)
            case .outputPiece: own.stdout.add(line.content, newline: false)
            case .error: own.stderr.add(line.content, newline: true)
            case .errorPiece: own.stderr.add(line.content, newline: false)
            case .begin, .purpose, .command, .end, .foreign: break
            }
            running[line.command] = own
        }
        byCommand = running.mapValues { ($0.stdout.digest, $0.stderr.digest) }
    }
}
