import CLibSSH2

/// Splits a stream into a command's output and the trailer that ends it: the nonce, a payload, a newline.
///
/// The output is whatever comes before the nonce; it need not end in a newline, and the nonce may arrive in pieces.
struct TrailerScanner {
    private let nonce: [UInt8]
    // Before the nonce: an end of the output that may be its beginning. After it: the payload so far.
    private var held: [UInt8] = []
    private var sawNonce = false
    /// What stands between nonce and newline, once both arrived.
    private(set) var payload: String?

    /// Looks for `nonce`, which must not be empty.
    init(nonce: String) {
        self.nonce = Array(nonce.utf8)
    }

    /// Takes the next bytes of the stream and returns those that are certain to be output.
    mutating func feed(_ chunk: [UInt8]) -> ArraySlice<UInt8> {
        guard payload == nil else { return [] }
        let bytes = held.isEmpty ? chunk : held + chunk
        held.removeAll()
        if sawNonce {
            takePayload(bytes[...])
            return []
        }
        if let start = position(in: bytes) {
            sawNonce = true
            takePayload(bytes[(start + nonce.count)...])
            return bytes[..<start]
        }
        let kept = nonceBeginning(atEndOf: bytes)
        held = Array(bytes.suffix(kept))
        return bytes.dropLast(kept)
    }

    /// What was held back as a possible beginning of the nonce, when nothing more will come.
    mutating func finish() -> ArraySlice<UInt8> {
        defer { held.removeAll() }
        return sawNonce ? [] : held[...]
    }

    private mutating func takePayload(_ bytes: ArraySlice<UInt8>) {
        if let end = bytes.firstIndex(of: UInt8(ascii: "\n")) {
            payload = String(decoding: bytes[..<end], as: UTF8.self).trimmingPrefix(while: { $0 == " " }).description
        } else {
            held = Array(bytes)
        }
    }

    private func position(in bytes: [UInt8]) -> Int? {
        bytes.withUnsafeBytes { haystack in
            guard let base = haystack.baseAddress,
                let found = memmem(base, haystack.count, nonce, nonce.count)
            else { return nil }
            return UnsafeRawPointer(found) - base
        }
    }

    private func nonceBeginning(atEndOf bytes: [UInt8]) -> Int {
        var length = min(nonce.count - 1, bytes.count)
        while length > 0, !bytes.suffix(length).elementsEqual(nonce.prefix(length)) {
            length -= 1
        }
        return length
    }
}
