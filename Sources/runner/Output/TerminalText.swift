import ClientKit

/// Text for a terminal, which interprets control characters and hides others.
typealias TerminalText = EscapedText<TerminalLanguage>

enum TerminalLanguage: MarkupLanguage {
    static func escape(_ text: String) -> String { text.visible }
}

extension EscapedText<TerminalLanguage> {
    /// The text in an SGR colour.
    func painted(_ colour: Terminal.Colour) -> TerminalText {
        "\u{1B}[\(colour.rawValue)m\(self)\u{1B}[0m"
    }

    /// Joins texts, each on its own line.
    static func joined(_ texts: [TerminalText]) -> TerminalText { joined(texts, separator: "\n") }
}
