import Foundation
import Testing

@testable import Journal

extension RedactorTests {
    /// Every way of writing a secret that the programs we talk to have.
    static func forms(of secret: String) throws -> [String: String] {
        let bytes = Array(secret.utf8)
        var forms = ["raw": secret]
        func hex(_ byte: UInt8, upper: Bool) -> String {
            (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: upper)
        }
        let isSafe = { (byte: UInt8) in ASCII.isAlphanumeric(byte) }
        forms["percent, upper"] = bytes.map { isSafe($0) ? String(UnicodeScalar($0)) : "%" + hex($0, upper: true) }
            .joined()
        forms["percent, lower"] = bytes.map { isSafe($0) ? String(UnicodeScalar($0)) : "%" + hex($0, upper: false) }
            .joined()
        forms["percent, everything"] = bytes.map { "%" + hex($0, upper: true) }.joined()
        forms["form"] = try #require(secret.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
            .replacing("%20", with: "+")
        let plain = JSONEncoder()
        plain.outputFormatting = .withoutEscapingSlashes
        let json = String(decoding: try plain.encode(secret), as: UTF8.self)
        forms["JSON"] = String(json.dropFirst().dropLast())
        forms["JSON, slashes"] = String(
            String(decoding: try JSONEncoder().encode(secret), as: UTF8.self).dropFirst().dropLast())
        forms["JSON in JSON"] = String(decoding: try plain.encode(json), as: UTF8.self)
        forms["JSON, \\u"] = secret.utf16.map { unit in
            let digits = String(unit, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }.joined()
        forms["bytes, \\x"] = bytes.map { "\\x" + hex($0, upper: false) }.joined()
        forms["shell"] = secret.replacing("'", with: #"'\''"#)
        forms["shell, double quotes inside"] = secret.replacing("'", with: #"'"'"'"#)
        forms["SQL"] = secret.replacing("'", with: "''")
        forms["double quotes in shell"] = secret.map { "\"\\$`".contains($0) ? "\\\($0)" : "\($0)" }.joined()
        for prefix in ["", "u", "us", "user:"] {
            let base64 = Data((prefix + secret + ":tail").utf8).base64EncodedString()
            forms["base64 after '\(prefix)'"] = base64
            forms["base64url after '\(prefix)'"] = base64.replacing("+", with: "-").replacing("/", with: "_")
                .replacing("=", with: "")
            forms["base64 in a URL after '\(prefix)'"] = base64.replacing("+", with: "%2B").replacing("/", with: "%2f")
            forms["base64 in lines after '\(prefix)'"] = Data((prefix + secret + ":tail").utf8)
                .base64EncodedString(options: [.lineLength64Characters, .endLineWithLineFeed])
            forms["base64 to the end after '\(prefix)'"] = Data((prefix + secret).utf8).base64EncodedString()
            for other in ["", "{", "{\"", "{\"auth\":\""] {
                let outer = Data("\(other)\(base64)\"}".utf8)
                let name = "base64 after '\(prefix)' in base64"
                forms["\(name) after '\(other)'"] = outer.base64EncodedString()
                forms["\(name) in lines after '\(other)'"] = outer.base64EncodedString(
                    options: [.lineLength64Characters, .endLineWithLineFeed])
            }
            let escaped = ["percent, upper", "percent, lower", "form", "JSON", "JSON, slashes", "JSON in JSON"]
            for name in escaped + ["shell", "SQL"] {
                guard let form = forms[name] else { continue }
                let once = Data("\(prefix)\(form)".utf8).base64EncodedString()
                forms["\(name), in base64 after '\(prefix)'"] = once
                guard ["percent, upper", "JSON", "JSON, slashes"].contains(name) else { continue }
                forms["\(name), in base64 twice after '\(prefix)'"] = Data(once.utf8).base64EncodedString()
            }
        }
        // In a URL or a dump, what was written into JSON or a shell before.
        forms["JSON, ASCII"] = secret.utf16.map { unit in
            switch unit {
            case 0x22, 0x5c: "\\" + String(UnicodeScalar(UInt8(unit)))
            case 0x20...0x7e: String(UnicodeScalar(UInt8(unit)))
            case 0x09: "\\t"
            case 0x0a: "\\n"
            case 0x0d: "\\r"
            default: String(format: "\\u%04x", unit)
            }
        }.joined()
        for name in ["JSON", "JSON, slashes", "JSON, ASCII", "JSON in JSON", "shell", "SQL"] {
            guard let form = forms[name] else { continue }
            for upper in [true, false] {
                forms["\(name), percent, \(upper ? "upper" : "lower")"] = form.utf8.map {
                    isSafe($0) ? String(UnicodeScalar($0)) : "%" + hex($0, upper: upper)
                }.joined()
                forms["\(name), hexadecimal, \(upper ? "upper" : "lower")"] = form.utf8.map {
                    hex($0, upper: upper)
                }.joined()
            }
        }
        forms["hexadecimal, lower"] = bytes.map { hex($0, upper: false) }.joined()
        forms["hexadecimal, upper"] = bytes.map { hex($0, upper: true) }.joined()
        forms["hexadecimal, colons"] = bytes.map { hex($0, upper: true) }.joined(separator: ":")
        forms["hexadecimal, a dump"] = bytes.map { hex($0, upper: false) }.joined(separator: " ")
        return forms
    }
}
