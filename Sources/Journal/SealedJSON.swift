import ClientKit
import Foundation

/// JSON that carries the SHA-256 of its own bytes as its last member, `whole`.
///
/// The seal tells a file or line that was cut or damaged from one that is as it was written, and so
/// lets the verifier name the very line. It does not stop a forger, who can seal again; the chain
/// and its anchors do that.
enum SealedJSON {
    /// One line, without its newline, in which nothing is left that a terminal would obey or hide.
    static func line(_ value: some Encodable) throws(JournalError) -> [UInt8] {
        try seal(value, compactEncoder, dropping: 1, LineShape.before, LineShape.after)
    }

    /// A file for people to read, with its final newline.
    static func file(_ value: some Encodable) throws(JournalError) -> [UInt8] {
        try seal(value, prettyEncoder, dropping: 2, FileShape.before, FileShape.after)
    }

    /// Whether a file is as it was written.
    static func isWhole(_ bytes: ArraySlice<UInt8>) -> Bool {
        sealed(bytes, FileShape.before, FileShape.after) != nil
    }

    /// SHA-256 of a line (without newline) that is as it was written; nil of any other.
    static func digestOfWholeLine(_ bytes: ArraySlice<UInt8>) -> Digest? {
        guard let (content, seal) = sealed(bytes, LineShape.before, LineShape.after) else { return nil }
        var hash = content
        hash.update(data: seal)
        return hash.finalize()
    }

    /// Whether a line (without newline) ends with a seal, right or wrong.
    static func hasSeal(_ bytes: ArraySlice<UInt8>) -> Bool {
        contentEnd(bytes, LineShape.before, LineShape.after) != nil
    }

    /// The value in `bytes`, whose seal the caller has judged.
    static func decode<T: Decodable>(_ type: T.Type, from bytes: ArraySlice<UInt8>) throws -> T {
        try decoder.decode(type, from: Data(bytes))
    }

    /// What a file of these bytes is.
    static func file<T: Decodable & Sendable>(_ type: T.Type, _ bytes: [UInt8]) -> StoredFile<T> {
        guard isWhole(bytes[...]) else {
            return .damaged("it does not match its own digest: it was cut off or edited")
        }
        do {
            _ = try StrictJSON.members(of: bytes[...])
            return .whole(try decode(type, from: bytes[...]))
        } catch {
            return .damaged("it cannot be read: \(error)")
        }
    }

    private enum LineShape {
        static let before = Array(#","whole":""#.utf8)
        static let after = Array(#""}"#.utf8)
    }

    private enum FileShape {
        static let before = Array(",\n  \"whole\" : \"".utf8)
        static let after = Array("\"\n}\n".utf8)
    }

    private static func seal(
        _ value: some Encodable, _ encoder: JSONEncoder, dropping tail: Int, _ before: [UInt8], _ after: [UInt8]
    ) throws(JournalError) -> [UInt8] {
        let json = try encode(value, encoder).dropLast(tail)
        let isPlain = json.allSatisfy { $0 < 0x7f }
        let content = isPlain ? [UInt8](json) : Array(String(decoding: json, as: UTF8.self).escapedWhereHidden.utf8)
        return content + before + SHA256.hash(data: content).hex.utf8 + after
    }

    private static func encode(_ value: some Encodable, _ encoder: JSONEncoder) throws(JournalError) -> Data {
        do {
            return try encoder.encode(value)
        } catch {
            throw .defect("encode as JSON", "\(type(of: value))", "\(error)")
        }
    }

    /// The hash of what comes before a right seal, and the seal.
    private static func sealed(
        _ bytes: ArraySlice<UInt8>, _ before: [UInt8], _ after: [UInt8]
    ) -> (hash: SHA256, seal: ArraySlice<UInt8>)? {
        guard let end = contentEnd(bytes, before, after) else { return nil }
        var hash = SHA256()
        hash.update(data: bytes[..<end])
        let digits = bytes[(end + before.count)...].prefix(digestLength)
        guard hash.finalize().isWritten(as: digits) else { return nil }
        return (hash, bytes[end...])
    }

    private static let digestLength = 64

    private static func contentEnd(_ bytes: ArraySlice<UInt8>, _ before: [UInt8], _ after: [UInt8]) -> Int? {
        let length = before.count + digestLength + after.count
        guard bytes.count > length, bytes.suffix(after.count) == after[...] else { return nil }
        let end = bytes.endIndex - length
        return bytes[end...].starts(with: before) ? end : nil
    }

    private static let compactEncoder = makeEncoder([.sortedKeys, .withoutEscapingSlashes])
    private static let prettyEncoder = makeEncoder([.sortedKeys, .withoutEscapingSlashes, .prettyPrinted])

    private static func makeEncoder(_ formatting: JSONEncoder.OutputFormatting) -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = formatting
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var container = encoder.singleValueContainer()
            try container.encode(RecordTimestamp.text(date))
        }
        return encoder
    }

    private static let decoder: JSONDecoder = {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .custom { decoder in
            try RecordTimestamp.date(decoder.singleValueContainer().decode(String.self))
        }
        return decoder
    }()
}

/// Points in time as they are written: RFC 3339 in UTC with milliseconds.
enum RecordTimestamp {
    private static let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    /// The same again for a date that was read: the style cuts off what is below a millisecond, and
    /// most milliseconds lie just below their floating-point value.
    static func text(_ date: Date) -> String {
        let milliseconds = (date.timeIntervalSince1970 * 1000).rounded()
        return Date(timeIntervalSince1970: (milliseconds + 0.1) / 1000).formatted(style)
    }

    static func date(_ text: String) throws -> Date { try style.parse(text) }
}
