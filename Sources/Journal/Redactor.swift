public import ClientKit
import Foundation

/// Replaces every known secret by `•••`, in whatever form it appears.
///
/// It is the second net under the type `Secret`: it works on what others print. It finds a secret
/// as it is, percent-encoded, with JSON, YAML, C or shell escapes of any mixture, in hexadecimal
/// digits, and in base64 at any place (so also within `user:password`), of itself or of an escaped
/// form, once or twice (a docker configuration in a Secret). The password verifiers of PostgreSQL
/// are replaced wherever they stand. What is compressed or encrypted is not found, nor what is
/// encoded in more ways than these.
public final class Redactor: Sendable {
    /// What stands in place of a secret.
    public static let mask = "•••"

    private struct State {
        var secrets: Set<String> = []
        var graph = PatternGraph()
        var table: RedactionTable?
    }

    private let state = Locked(State())

    /// Knows `secrets`, and whatever is added later.
    public init(_ secrets: [Secret] = []) {
        for secret in secrets { add(secret) }
    }

    /// Looks for `secret` from now on, also in output that is being received.
    ///
    /// A value with spaces or newlines around it is looked for without them too, and each line of a
    /// long text (a private key) also on its own.
    ///
    /// - Returns: Whether it is looked for: false where ``objection(to:)`` says why not.
    @discardableResult
    public func add(_ secret: Secret) -> Bool {
        if Self.objection(to: secret) != nil { return false }
        let value = secret.reveal()
        let trimmed = value.trimmingCharacters(in: .whitespacesAndNewlines)
        let lines = trimmed.split(whereSeparator: \.isNewline).map(String.init)
        let longLines = lines.filter { line in
            line.utf8.count >= 8 && Self.objection(to: Secret(line)) == nil
        }
        let forms = [value, trimmed] + (lines.count > 1 ? longLines : [])
        state.withLock { state in
            for form in forms where state.secrets.insert(form).inserted {
                state.graph.add(form)
                state.table = nil
            }
        }
        return true
    }

    /// The text without secrets.
    public func redact(_ text: String) -> String {
        String(decoding: redact(Array(text.utf8), table), as: UTF8.self)
    }

    /// The bytes without secrets.
    public func redact(_ bytes: [UInt8]) -> [UInt8] { redact(bytes, table) }

    /// The bytes of a text that may have been cut off, without secrets and without the beginning of
    /// one at the end.
    public func redact(cut bytes: [UInt8]) -> [UInt8] {
        var stream = RedactionStream()
        return stream.feed(bytes[...], table, .cut)
    }

    private func redact(_ bytes: [UInt8], _ table: RedactionTable) -> [UInt8] {
        var stream = RedactionStream()
        return stream.feed(bytes[...], table, .complete)
    }

    var table: RedactionTable {
        state.withLock { state in
            if let table = state.table { return table }
            let table = RedactionTable(state.graph)
            state.table = table
            return table
        }
    }
}

extension Redactor: InputDigester {
    /// Of the redacted bytes, without a second copy of them.
    public func digest(ofInput input: [UInt8]) -> ContentDigest {
        let table = table
        var stream = RedactionStream()
        var hash = SHA256()
        var count = 0
        let size = 1 << 16
        for start in stride(from: 0, to: input.count, by: size) {
            let end = min(start + size, input.count)
            let safe = stream.feed(input[start..<end], table, end == input.count ? .complete : .open)
            hash.update(data: safe)
            count += safe.count
        }
        return ContentDigest(bytes: count, sha256: hash.finalize().hex)
    }
}

/// Redacts bytes that come in pieces: what may be the beginning of a secret is held back until the
/// next piece tells.
struct RedactionStream {
    private var kept: [UInt8] = []
    /// How many bytes of ``kept`` belong to a secret whose mask is out already.
    private var covered = 0
    /// Whether a mask came last: secrets that touch are replaced by one.
    private var isMasked = false

    /// What is looked through at once: it bounds the states that a hostile text can bring about.
    private static let piece = 64 << 10

    /// Takes a piece and gives what is safe to write.
    mutating func feed(
        _ bytes: ArraySlice<UInt8>, _ table: RedactionTable, _ ending: RedactionTable.Ending = .open
    ) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(kept.count + bytes.count)
        var rest = bytes
        while rest.count > Self.piece {
            scan(rest.prefix(Self.piece), table, .open, &output)
            rest = rest.dropFirst(Self.piece)
        }
        scan(rest, table, ending, &output)
        return output
    }

    private mutating func scan(
        _ bytes: ArraySlice<UInt8>, _ table: RedactionTable, _ ending: RedactionTable.Ending,
        _ output: inout [UInt8]
    ) {
        kept += bytes
        let hidden = covered
        let end = kept.withUnsafeBufferPointer { text -> Int in
            let scan = table.scan(text, ending)
            var place = hidden
            for secret in scan.secrets where secret.lowerBound < scan.end {
                show(text, place..<max(place, secret.lowerBound), &output)
                if !isMasked { output += Redactor.mask.utf8 }
                isMasked = true
                place = max(place, secret.upperBound)
            }
            show(text, place..<max(place, scan.end), &output)
            covered = max(0, place - scan.end)
            return scan.end
        }
        kept.removeFirst(end)
    }

    private mutating func show(_ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ output: inout [UInt8]) {
        if range.isEmpty { return }
        output.append(contentsOf: text[range])
        isMasked = false
    }
}
