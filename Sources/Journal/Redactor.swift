public import ClientKit
import Foundation

/// Replaces every known secret by `•••`, in whatever form it appears.
///
/// It is the second net under the type `Secret`: it works on what others print. It finds a secret as it is, percent-encoded,
/// with JSON, YAML, C or shell escapes of any mixture, and inside base64 at any place (so also within `user:password` or a
/// docker configuration). Secrets of fewer than ``shortest`` bytes are not looked for: they would tear holes into every
/// text and be guessed from them. Encodings other than these (hexadecimal dumps, compression, base64 of base64) are not found.
public final class Redactor: Sendable {
    /// What stands in place of a secret.
    public static let mask = "•••"

    /// Secrets shorter than this many bytes are not looked for.
    public static let shortest = 4

    private struct State {
        var secrets: Set<String> = []
        var table: RedactionTable? = RedactionTable([])
    }

    private let state = Locked(State())

    /// Knows `secrets`, and whatever is added later.
    public init(_ secrets: [Secret] = []) {
        for secret in secrets { add(secret) }
    }

    /// Looks for `secret` from now on, also in output that is being received.
    ///
    /// A value with spaces or newlines around it is looked for without them too, and each line of a long text (a private key)
    /// also on its own.
    ///
    /// - Returns: Whether it will be found: false for a secret that is too short.
    @discardableResult
    public func add(_ secret: Secret) -> Bool {
        let value = secret.reveal()
        let trimmed = value.trimmingCharacters(in: .whitespacesAndNewlines)
        let lines = trimmed.split(whereSeparator: \.isNewline).map(String.init)
        let forms = [value, trimmed] + (lines.count > 1 ? lines.filter { $0.utf8.count >= 16 } : [])
        let long = forms.filter { $0.utf8.count >= Self.shortest && $0.contains { !$0.isWhitespace } }
        state.withLock { state in
            for form in long where state.secrets.insert(form).inserted { state.table = nil }
        }
        return !long.isEmpty
    }

    /// The text without secrets.
    public func redact(_ text: String) -> String {
        let table = self.table
        if table.isEmpty { return text }
        return String(decoding: redact(Array(text.utf8), table), as: UTF8.self)
    }

    /// The bytes without secrets.
    public func redact(_ bytes: [UInt8]) -> [UInt8] { redact(bytes, table) }

    private func redact(_ bytes: [UInt8], _ table: RedactionTable) -> [UInt8] {
        var stream = RedactionStream()
        return stream.feed(bytes[...], table, isEnd: true)
    }

    var table: RedactionTable {
        state.withLock { state in
            if let table = state.table { return table }
            let table = RedactionTable(state.secrets)
            state.table = table
            return table
        }
    }
}

/// Redacts bytes that come in pieces: what may be the beginning of a secret is held back until the next piece tells.
struct RedactionStream {
    private var kept: [UInt8] = []
    /// How many bytes of ``kept`` belong to a secret whose mask is out already.
    private var covered = 0

    /// Takes a piece and gives what is safe to write.
    mutating func feed(_ bytes: ArraySlice<UInt8>, _ table: RedactionTable, isEnd: Bool = false) -> [UInt8] {
        if table.isEmpty, kept.isEmpty { return Array(bytes) }
        kept += bytes
        var output: [UInt8] = []
        output.reserveCapacity(kept.count)
        let hidden = covered
        let (rest, covered) = kept.withUnsafeBufferPointer { text in
            table.scan(text, covered: hidden, isEnd: isEnd) { range in
                output.append(contentsOf: text[range])
            } mask: {
                output.append(contentsOf: Redactor.mask.utf8)
            }
        }
        kept.removeFirst(rest)
        self.covered = covered
        return output
    }
}
