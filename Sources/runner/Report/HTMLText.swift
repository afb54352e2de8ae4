import ClientKit

/// A piece of an HTML page.
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
    /// Joins pieces.
    static func joined(_ pieces: [HTMLText]) -> HTMLText { joined(pieces, separator: "") }
}
