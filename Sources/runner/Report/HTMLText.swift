import ClientKit

/// A piece of a page: our own words as they are, and what is interpolated with everything escaped that
/// a browser would obey, and everything visible that it would hide.
struct HTMLText: ExpressibleByStringInterpolation {
    /// What is written.
    private(set) var raw: String

    init(stringLiteral words: String) {
        raw = words
    }

    init(stringInterpolation words: StringInterpolation) {
        raw = words.raw
    }

    private init(raw: String) {
        self.raw = raw
    }

    /// Puts pieces together, one after the other.
    static func joined(_ pieces: [HTMLText]) -> HTMLText {
        HTMLText(raw: pieces.map(\.raw).joined())
    }

    static func + (left: HTMLText, right: HTMLText) -> HTMLText { HTMLText(raw: left.raw + right.raw) }

    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var raw = ""

        init(literalCapacity: Int, interpolationCount: Int) {}

        mutating func appendLiteral(_ words: String) { raw += words }
        mutating func appendInterpolation(_ text: HTMLText) { raw += text.raw }
        mutating func appendInterpolation(_ value: some CustomStringConvertible) {
            for character in value.description.visible.unicodeScalars {
                switch character {
                case "&": raw += "&amp;"
                case "<": raw += "&lt;"
                case ">": raw += "&gt;"
                case "\"": raw += "&quot;"
                case "'": raw += "&#39;"
                default: raw.unicodeScalars.append(character)
                }
            }
        }
    }
}
