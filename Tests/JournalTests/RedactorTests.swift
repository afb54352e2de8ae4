import ClientKit
import Foundation
import Testing

@testable import Journal

@Suite struct RedactorTests {
    static let secrets = [
        "hunter22", "p'a\"s$s\\w%rd/", "s p a+c/e&=?", "pässwörd-🔑-ñ", "'quoted'", "\\\\back\\slash\\", "abcd",
        "%25%25", "x\nyz-secret",
        "tab\tnew\nline-secret", String(repeating: "long-Value_", count: 40), "a\"b'c`d$e\\f",
    ]

    /// Every way of writing a secret that the programs we talk to have.
    static func forms(of secret: String) throws -> [String: String] {
        let bytes = Array(secret.utf8)
        var forms = ["raw": secret]
        func hex(_ byte: UInt8, upper: Bool) -> String {
            (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: upper)
        }
        let isSafe = { (byte: UInt8) in EscapeReading.isAlphanumeric(byte) }
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
        }
        return forms
    }

    /// Nothing of the secret is left, whether one looks for its form or decodes what is left.
    static func leaks(_ output: String, _ secret: String, _ form: String) -> Bool {
        output.contains(form) || output.contains(secret) || !output.contains(Redactor.mask)
    }

    @Test(arguments: secrets) func everyFormIsReplaced(secret: String) throws {
        let redactor = Redactor([Secret(secret)])
        for (name, form) in try Self.forms(of: secret) {
            let output = redactor.redact("before \(form) after")
            #expect(!Self.leaks(output, secret, form), "\(name): \(form) became \(output)")
            if !name.hasPrefix("base64"), !name.hasPrefix("JSON in") {
                #expect(output == "before ••• after", "\(name): \(form)")
            }
        }
    }

    @Test(arguments: secrets.prefix(8)) func noFormLeaksAcrossChunksOfAnySize(secret: String) throws {
        let table = Redactor([Secret(secret)]).table
        for (name, form) in try Self.forms(of: secret) {
            let text = Array("x=\(form);\(form)\(form) y".utf8)
            var whole = RedactionStream()
            let expected = whole.feed(text[...], table, isEnd: true)
            for size in Array(1...12) + [31] {
                var stream = RedactionStream()
                var output: [UInt8] = []
                for start in stride(from: 0, to: text.count, by: size) {
                    output += stream.feed(text[start..<min(start + size, text.count)], table)
                }
                output += stream.feed([], table, isEnd: true)
                #expect(output == expected, "\(name) in pieces of \(size)")
            }
        }
    }

    @Test func base64LeavesNoDigitThatHoldsABitOfTheSecret() {
        let redactor = Redactor([Secret("hunter22")])
        // "a:hunter22:z" shares one digit with its neighbours on either side; both go.
        let output = redactor.redact(Data("a:hunter22:z".utf8).base64EncodedString())
        #expect(output == "YT•••p6")
        #expect(redactor.redact("eyJhdXRoIjoi") == "eyJhdXRoIjoi")
    }

    @Test func overlappingSecretsAreBothGone() {
        let redactor = Redactor([Secret("abcdefgh"), Secret("efghijkl"), Secret("abcdefghijklmnop")])
        #expect(redactor.redact("1abcdefghijkl2") == "1•••2")
        #expect(redactor.redact("1abcdefghijklmnop2") == "1•••2")
        #expect(redactor.redact("1abcdefgh2") == "1•••2")
    }

    @Test func aSecretLearnedInMidStreamIsCaughtInWhatIsHeldBack() {
        let redactor = Redactor([Secret("first-secret")])
        var stream = RedactionStream()
        var output = stream.feed(Array("x first-sec".utf8)[...], redactor.table)
        redactor.add(Secret("first-second"))
        output += stream.feed(Array("ond y".utf8)[...], redactor.table, isEnd: true)
        #expect(String(decoding: output, as: UTF8.self) == "x ••• y")
    }

    @Test func textWithoutSecretsIsLeftAsItIsEvenIfItIsNotUTF8() {
        let redactor = Redactor([Secret("hunter22"), Secret("\\\\x")])
        let bytes = (0..<20_000).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 7) }
        #expect(redactor.redact(bytes) == bytes)
        #expect(redactor.redact("\\\\\\ %zz %2 %% hunter2 '") == "\\\\\\ %zz %2 %% hunter2 '")
    }

    @Test func shortSecretsAreRefusedAndSaidSo() {
        let redactor = Redactor()
        #expect(!redactor.add(Secret("abc")))
        #expect(!redactor.add(Secret("")))
        #expect(!redactor.add(Secret("     ")))
        #expect(redactor.add(Secret("abcd")))
        #expect(redactor.redact("abc abcd") == "abc •••")
    }

    @Test func linesOfAPrivateKeyAreCaughtOneByOneAndWithoutTheLastNewline() {
        let key = "-----BEGIN KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\nQyNTUxOQAAACBabcdefghijk\n-----END KEY-----\n"
        let redactor = Redactor([Secret(key)])
        #expect(redactor.redact("    QyNTUxOQAAACBabcdefghijk") == "    •••")
        #expect(redactor.redact("<\(key.dropLast())>") == "<•••>")
    }

    @Test func aRowOfBackslashesIsNotHeldBackForEver() {
        let redactor = Redactor([Secret("\\\\\\\\x")])
        var stream = RedactionStream()
        let slashes = [UInt8](repeating: UInt8(ascii: "\\"), count: 4096)
        let output = stream.feed(slashes[...], redactor.table)
        #expect(output.count > 3900)
    }
}
