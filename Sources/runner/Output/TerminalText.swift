import ClientKit

/// Text for a terminal: our own words as they are, and what is interpolated with all that a terminal
/// would obey or hide made visible.
struct TerminalText: ExpressibleByStringInterpolation, CustomStringConvertible {
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

    var description: String { raw }

    /// The text in an SGR colour.
    func painted(_ colour: Terminal.Colour) -> TerminalText {
        TerminalText(raw: "\u{1B}[\(colour.rawValue)m\(raw)\u{1B}[0m")
    }

    /// Puts texts together, with `separator` between them.
    static func joined(_ texts: [TerminalText], separator: String = "\n") -> TerminalText {
        TerminalText(raw: texts.map(\.raw).joined(separator: separator))
    }

    static func + (left: TerminalText, right: TerminalText) -> TerminalText {
        TerminalText(raw: left.raw + right.raw)
    }

    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var raw = ""

        init(literalCapacity: Int, interpolationCount: Int) {}

        mutating func appendLiteral(_ words: String) { raw += words }
        mutating func appendInterpolation(_ text: TerminalText) { raw += text.raw }
        mutating func appendInterpolation(_ value: some CustomStringConvertible) {
            raw += value.description.visible
        }
        mutating func appendInterpolation(_ value: any Error) { raw += "\(value)".visible }
    }
}
