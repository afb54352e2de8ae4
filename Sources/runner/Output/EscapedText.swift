/// A language whose special characters must be escaped in text.
protocol MarkupLanguage {
    /// `text` with everything that would be interpreted or hidden made visible.
    static func escape(_ text: String) -> String
}

/// Text in a language: literals are kept as they are, interpolated values are escaped.
struct EscapedText<Language: MarkupLanguage>: ExpressibleByStringInterpolation, CustomStringConvertible {
    /// The text to write.
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

    var description: String { raw }

    /// Joins texts, with `separator` between them.
    static func joined(_ texts: [Self], separator: Self) -> Self {
        Self(raw: texts.map(\.raw).joined(separator: separator.raw))
    }

    static func + (left: Self, right: Self) -> Self { Self(raw: left.raw + right.raw) }

    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var raw = ""

        init(literalCapacity: Int, interpolationCount: Int) {}

        mutating func appendLiteral(_ words: String) { raw += words }
        mutating func appendInterpolation(_ text: EscapedText) { raw += text.raw }
        mutating func appendInterpolation(_ value: some CustomStringConvertible) {
            raw += Language.escape(value.description)
        }
        mutating func appendInterpolation(_ value: any Error) { raw += Language.escape("\(value)") }
    }
}
