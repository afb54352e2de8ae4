import ClientKit

/// A piece of a page, whose markup a browser obeys.
typealias HTMLText = EscapedText<HTMLLanguage>

enum HTMLLanguage: MarkupLanguage {
    static func escape(_ text: String) -> String {
        var escaped = ""
        for character in text.visible.unicodeScalars {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }
}

extension EscapedText<HTMLLanguage> {
    /// Puts pieces together, one after the other.
    static func joined(_ pieces: [HTMLText]) -> HTMLText { joined(pieces, separator: "") }
}
