extension StringProtocol {
    /// The text with everything escaped that a terminal would interpret or hide: control characters
    /// (escape sequences, backspace, NUL), format characters (such as those that reverse the
    /// direction of writing), line and paragraph separators, and what Unicode has not assigned,
    /// each as `\u{…}`.
    ///
    /// Newlines and tabs are kept. Everything from outside is passed through this before it is
    /// printed on a terminal.
    public var visible: String {
        guard unicodeScalars.contains(where: \.isHidden) else { return String(self) }
        var shown = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            if scalar.isHidden {
                shown.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars)
            } else {
                shown.append(scalar)
            }
        }
        return String(shown)
    }

    /// The same on one line, so that no text can look like a separate line.
    public var visibleOnOneLine: String {
        split(whereSeparator: \.isNewline).map(\.visible).joined(separator: " ⏎ ")
    }
}

extension Unicode.Scalar {
    /// Whether a terminal would interpret or hide it.
    public var isHidden: Bool {
        if isASCII { return (value < 0x20 && self != "\n" && self != "\t") || value == 0x7f }
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate:
            return true
        default:
            // Letters and marks without a visible form.
            return properties.isDefaultIgnorableCodePoint
        }
    }
}

extension String {
    /// JSON text with escapes for what a terminal would interpret or hide, which occurs only in
    /// strings.
    public var escapedWhereHidden: String {
        guard unicodeScalars.contains(where: \.isHidden) else { return self }
        var escaped = ""
        for scalar in unicodeScalars {
            guard scalar.isHidden else {
                escaped.unicodeScalars.append(scalar)
                continue
            }
            for unit in String(scalar).utf16 {
                let digits = String(unit, radix: 16)
                escaped += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return escaped
    }
}
