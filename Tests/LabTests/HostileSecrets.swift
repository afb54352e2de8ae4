import Foundation
import TestSupport

/// Random values that programs write in many ways, and the ways in which one may meet them again.
///
/// The forms are made here with Foundation alone: what the redactor looks for has no part in it.
struct HostileSecrets {
    let values: [String]

    init(count: Int) {
        var numbers = SeededNumbers()
        values = (0..<count).map { Self.value(kind: $0 % 9, &numbers) }
    }

    /// Lines of a credentials file, quoted as a POSIX shell reads them.
    var file: String {
        values.enumerated().map { index, value in
            "HOSTILE_\(index)='\(value.replacing("'", with: #"'\''"#))'\n"
        }.joined()
    }

    private static func value(kind: Int, _ numbers: inout SeededNumbers) -> String {
        func text(_ alphabet: String, _ lengths: ClosedRange<Int>) -> String {
            let characters = Array(alphabet)
            return String(
                (0..<Int.random(in: lengths, using: &numbers)).map { _ in
                    characters[Int.random(in: characters.indices, using: &numbers)]
                })
        }
        let letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
        let printable = String(String.UnicodeScalarView((0x20...0x7e).map { Unicode.Scalar($0) }))
        return switch kind {
        case 0: text(printable, 14...50)
        case 1: text(#"'"\$`%&|;<>(){}[]!#"#, 12...20) + text(letters, 4...8)
        case 2: text(letters + "+/", 30...60) + "=="
        case 3: text("0123456789abcdef", 32...64)
        case 4: text("äöüßéñ漢字かな😀🔑Ωжשلم\u{301}\u{202E}", 10...20) + text(letters, 4...6)
        case 5: #"{"token":"\#(text(letters, 8...12))\n\u00e4","n":[1,"\#(text(letters, 4...8))\\"]}"#
        case 6: "https://u:p%40\(text(letters, 8...14))@h/?q=\(text(letters + "%&=+ ", 10...20))&x=%2F"
        case 7: " \t" + text(letters + " ", 14...20) + text(letters, 2...2) + "\t "
        default: text(letters + ".*+?^$()[]{}|\\/~ ", 40...80)
        }
    }

    /// What no encoder of URLs touches.
    private static let unreserved = Set(
        "-._~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)

    /// All forms of all values; nothing else may hold one of them.
    static func forms(of values: [String]) throws -> Set<Data> {
        var forms: Set<Data> = []
        for value in values {
            var texts: Set<String> = [value, value.trimmingCharacters(in: .whitespaces)]
            texts.insert(value.replacing("'", with: #"'\''"#))
            texts.insert(value.replacing(#"\"#, with: #"\\"#))
            for options: JSONSerialization.WritingOptions in [[], .withoutEscapingSlashes] {
                let quoted = try JSONSerialization.data(
                    withJSONObject: value, options: options.union(.fragmentsAllowed))
                texts.insert(String(String(decoding: quoted, as: UTF8.self).dropFirst().dropLast()))
            }
            texts.insert(ascii(value))
            for text in texts.filter({ $0.utf8.count >= 8 }) {
                forms.insert(Data(text.utf8))
                let percent = text.utf8.map { byte in
                    unreserved.contains(byte)
                        ? String(Unicode.Scalar(byte)) : String(format: "%%%02X", byte)
                }.joined()
                forms.insert(Data(percent.utf8))
                forms.insert(Data(percent.replacing("%20", with: "+").utf8))
                let hex = text.utf8.map { String(format: "%02x", $0) }.joined()
                forms.formUnion([Data(hex.utf8), Data(hex.uppercased().utf8)])
                for offset in 0..<3 {
                    let once = base64(Data(text.utf8), after: offset)
                    forms.insert(Data(once.utf8))
                    forms.insert(Data(once.replacing("+", with: "-").replacing("/", with: "_").utf8))
                    if offset == 0 { forms.insert(Data(base64(Data(once.utf8), after: 0).utf8)) }
                }
            }
        }
        return forms
    }

    /// As JSON writers do it that keep to ASCII.
    private static func ascii(_ value: String) -> String {
        value.utf16.map { unit in
            switch unit {
            case 0x22: #"\""#
            case 0x5c: #"\\"#
            case 0x20...0x7e: String(Unicode.Scalar(UInt8(unit)))
            default: String(format: "\\u%04x", unit)
            }
        }.joined()
    }

    /// The digits of base64 that belong to `data` alone, where `offset` bytes come before it in their group.
    private static func base64(_ data: Data, after offset: Int) -> String {
        let digits = (Data(count: offset) + data).base64EncodedString().filter { $0 != "=" }
        let foreign = offset == 0 ? 0 : offset + 1
        let isCut = (offset + data.count) % 3 != 0
        return String(digits.dropFirst(foreign).dropLast(isCut ? 1 : 0))
    }
}
