import Foundation

/// The ways in which programs write a text into another before that is encoded as a whole.
enum SecretForms {
    /// The text itself and as JSON and URLs commonly have it: what is looked for in base64 within
    /// base64 too.
    static func common(_ text: String) -> Set<[UInt8]> {
        var forms: Set = [Array(text.utf8)]
        for kept in ["-_.~", ""] { forms.insert(percent(text, keeping: kept, isUpper: true)) }
        for style in [JSONStyle(), JSONStyle(slashes: true), JSONStyle(html: true)] {
            forms.insert(Array(style.escape(text).utf8))
        }
        return forms
    }

    /// Also those that are less common, with the escapes of shells and SQL; each form once.
    static func all(_ text: String) -> Set<[UInt8]> {
        var forms = common(text).union(escaped(text))
        // What encoders of URLs leave as it is, encodeURIComponent, forms of HTML, and encoders of everything.
        for kept in ["-_.~", "-_.!~*'()", "-_.*", ""] {
            for isUpper in [true, false] {
                let form = percent(text, keeping: kept, isUpper: isUpper)
                forms.insert(form)
                forms.insert(Array(String(decoding: form, as: UTF8.self).replacing("%20", with: "+").utf8))
            }
        }
        return forms
    }

    /// The text itself, and as JSON, shells and SQL have it.
    static func escaped(_ text: String) -> Set<[UInt8]> {
        let styles = [JSONStyle(), JSONStyle(slashes: true), JSONStyle(wide: true)]
        return Set(
            ([text, JSONStyle().escape(JSONStyle().escape(text))] + styles.map { $0.escape(text) }
                + [#"'\''"#, "''"].map { text.replacing("'", with: $0) }).map { Array($0.utf8) })
    }

    private static func percent(_ text: String, keeping kept: String, isUpper: Bool) -> [UInt8] {
        let kept = Set(kept.utf8)
        return text.utf8.flatMap { byte -> [UInt8] in
            if ASCII.isAlphanumeric(byte) || kept.contains(byte) { return [byte] }
            let digits = String(byte, radix: 16, uppercase: isUpper)
            return Array((digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)").utf8)
        }
    }

    /// Which characters a JSON writer escapes beyond those it must.
    private struct JSONStyle {
        var slashes = false
        var html = false
        var wide = false

        func escape(_ text: String) -> String {
            var escaped = ""
            for scalar in text.unicodeScalars {
                switch scalar {
                case "\"", "\\": escaped += "\\\(scalar)"
                case "/" where slashes: escaped += "\\/"
                case "\n": escaped += "\\n"
                case "\t": escaped += "\\t"
                case "\r": escaped += "\\r"
                case "<" where html, ">" where html, "&" where html: escaped += unit(UInt16(scalar.value))
                case _ where scalar.value < 0x20: escaped += unit(UInt16(scalar.value))
                case _ where wide && !scalar.isASCII: escaped += String(scalar).utf16.map(unit).joined()
                default: escaped.unicodeScalars.append(scalar)
                }
            }
            return escaped
        }

        private func unit(_ value: UInt16) -> String {
            let digits = String(value, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
    }
}
