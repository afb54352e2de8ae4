import ClientKit

/// The value that a POSIX shell would assign for the text after `KEY=`, where no shell is needed to
/// know it.
enum ShellWord {
    /// Why the text is not a plain value.
    struct NeedsShell: Error {
        let message: String

        init(_ message: String) {
            self.message = message
        }
    }

    /// Removes the quotes of `text`, the rest of a line, and a comment after the word.
    static func unquote(_ text: Substring.UnicodeScalarView) throws(NeedsShell) -> Secret {
        var word = ""
        var rest = text
        var tildeExpands = true
        while let scalar = rest.first {
            switch scalar {
            case " ", "\t":
                try requireOnlyComment(rest)
                return Secret(word)
            case "'":
                rest.removeFirst()
                guard let end = rest.firstIndex(of: "'") else {
                    throw NeedsShell("a single quote is not closed on the line")
                }
                word.unicodeScalars += rest[..<end]
                rest = rest[rest.index(after: end)...]
            case "\"":
                try takeDoubleQuoted(&rest, into: &word)
            case "\\":
                rest.removeFirst()
                guard let escaped = rest.popFirst() else {
                    throw NeedsShell("a backslash at the end continues the line")
                }
                word.unicodeScalars.append(escaped)
            case "`", "$":
                try takeDollar(&rest, into: &word, isQuoted: false)
            case ";", "|", "&", "<", ">", "(", ")":
                throw NeedsShell("an unquoted \(scalar) is special to the shell")
            case "~" where tildeExpands:
                throw NeedsShell("an unquoted ~ would expand to a home directory")
            default:
                word.unicodeScalars.append(rest.removeFirst())
            }
            tildeExpands = scalar == ":"
        }
        return Secret(word)
    }

    private static func takeDoubleQuoted(
        _ rest: inout Substring.UnicodeScalarView, into word: inout String
    ) throws(NeedsShell) {
        rest.removeFirst()
        while let scalar = rest.first {
            switch scalar {
            case "\"":
                rest.removeFirst()
                return
            case "\\":
                rest.removeFirst()
                // Between double quotes, a backslash before any other character stands for itself.
                if let escaped = rest.first, "\"\\$`".unicodeScalars.contains(escaped) {
                    word.unicodeScalars.append(rest.removeFirst())
                } else {
                    word.unicodeScalars.append("\\")
                }
            case "`", "$":
                try takeDollar(&rest, into: &word, isQuoted: true)
            default:
                word.unicodeScalars.append(rest.removeFirst())
            }
        }
        throw NeedsShell("a double quote is not closed on the line")
    }

    /// Takes a literal dollar sign; one that begins an expansion, like a backtick, needs a shell.
    private static func takeDollar(
        _ rest: inout Substring.UnicodeScalarView, into word: inout String, isQuoted: Bool
    ) throws(NeedsShell) {
        guard rest.removeFirst() == "$" else {
            throw NeedsShell("a backtick would run a command")
        }
        if let next = rest.first {
            let beginsName = next.isASCII && (next.properties.isAlphabetic || next.properties.numericType != nil)
            if beginsName || "_{([@*#?$!-".unicodeScalars.contains(next) {
                throw NeedsShell("an unescaped $ begins an expansion")
            }
            if !isQuoted, next == "'" || next == "\"" {
                throw NeedsShell("shells disagree about $ before a quote")
            }
        }
        word.unicodeScalars.append("$")
    }

    private static func requireOnlyComment(_ rest: Substring.UnicodeScalarView) throws(NeedsShell) {
        let next = rest.first { $0 != " " && $0 != "\t" }
        guard next == nil || next == "#" else {
            throw NeedsShell("more than one word follows the =; put quotes around the value")
        }
    }

    /// `text` between single quotes, which every shell and ``unquote(_:)`` read as `text`.
    static func quote(_ text: String) -> String {
        // By scalars: a quote before a combining mark is not a Character of its own.
        var quoted = "'"
        for scalar in text.unicodeScalars {
            quoted += scalar == "'" ? "'\\''" : String(scalar)
        }
        return quoted + "'"
    }

    /// `text`, quoted if a shell would otherwise read it differently.
    static func quoteIfNeeded(_ text: String) -> String {
        text.wholeMatch(of: /[A-Za-z0-9_.,:=\/@%+-]+/) == nil ? quote(text) : text
    }
}
