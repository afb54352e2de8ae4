import ClientKit
import Foundation
import Glibc
import Testing

@testable import Journal

@Suite struct RedactorTests {
    static let secrets = [
        "hunter22", "p'a\"s$s\\w%rd/", "s p a+c/e&=?", "pässwörd-🔑-ñ", "'quoted'", "\\\\back\\slash\\", "abcd",
        "%25%25", "x\nyz-secret",
        "tab\tnew\nline-secret", String(repeating: "long-Value_", count: 40), "a\"b'c`d$e\\f",
    ]

    /// Nothing of the secret is left, whether one looks for its form or decodes what is left.
    static func leaks(_ output: String, _ secret: String, _ form: String) -> Bool {
        output.contains(form) || output.contains(secret) || !output.contains(Redactor.mask)
    }

    @Test(arguments: secrets) func everyFormIsReplaced(secret: String) throws {
        let redactor = Redactor([Secret(secret)])
        for (name, form) in try Self.forms(of: secret) {
            let output = redactor.redact("before \(form) after")
            #expect(!Self.leaks(output, secret, form), "\(name): \(form) became \(output)")
            if !name.contains("base64"), !name.hasPrefix("JSON in") {
                #expect(output == "before ••• after", "\(name): \(form)")
            }
        }
    }

    @Test(arguments: secrets.prefix(8)) func noFormLeaksAcrossChunksOfAnySize(secret: String) throws {
        let table = Redactor([Secret(secret)]).table
        for (name, form) in try Self.forms(of: secret) {
            let text = Array("x=\(form);\(form)\(form) y".utf8)
            var whole = RedactionStream()
            let expected = whole.feed(text[...], table, .complete)
            for size in Array(1...12) + [31] {
                var stream = RedactionStream()
                var output: [UInt8] = []
                for start in stride(from: 0, to: text.count, by: size) {
                    output += stream.feed(text[start..<min(start + size, text.count)], table)
                }
                output += stream.feed([], table, .complete)
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
        output += stream.feed(Array("ond y".utf8)[...], redactor.table, .complete)
        #expect(String(decoding: output, as: UTF8.self) == "x ••• y")
    }

    @Test func textWithoutSecretsIsLeftAsItIsEvenIfItIsNotUTF8() {
        let redactor = Redactor([Secret("hunter22"), Secret("\\\\x")])
        let bytes = (0..<20_000).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 7) }
        #expect(redactor.redact(bytes) == bytes)
        #expect(redactor.redact("\\\\\\ %zz %2 %% hunter2 '") == "\\\\\\ %zz %2 %% hunter2 '")
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

    @Test func aDockerConfigurationInASecretHoldsNoPassword() throws {
        let password = "tok/en+\"1ä"
        let redactor = Redactor([Secret(password)])
        let auth = Data("robot:\(password)".utf8).base64EncodedString()
        let login = ["username": "robot", "password": password, "auth": auth]
        for options in [JSONSerialization.WritingOptions.sortedKeys, [.sortedKeys, .withoutEscapingSlashes]] {
            let json = try JSONSerialization.data(
                withJSONObject: ["auths": ["ghcr.io": login]], options: options)
            let output = redactor.redact(".dockerconfigjson: \(json.base64EncodedString())")
            #expect(output.components(separatedBy: Redactor.mask).count == 3, "\(output)")
            let parts = output.dropFirst(".dockerconfigjson: ".count).components(separatedBy: Redactor.mask)
            // What is left of the two tells nothing, wherever it stands within its group.
            for part in parts {
                for drop in 0..<4 {
                    let digits = part.dropFirst(drop)
                    let text = Data(base64Encoded: String(digits.prefix(digits.count / 4 * 4))) ?? Data()
                    let shown = String(decoding: text, as: UTF8.self)
                    #expect(!shown.contains("tok") && !shown.contains(auth.suffix(12).prefix(8)), "\(shown)")
                }
            }
        }
    }

    @Test func theBeginningOfASecretIsNotShownWhereAStreamIsCut() throws {
        let secret = "correct-horse-battery"
        let redactor = Redactor([Secret(secret)])
        for form in [secret, Data("u:\(secret)".utf8).base64EncodedString(), "636f72726563742d686f727365"] {
            for length in 12..<form.utf8.count {
                var stream = RedactionStream()
                var output = stream.feed(Array("x \(form.prefix(length))".utf8)[...], redactor.table)
                output += stream.feed([], redactor.table, .cut)
                let shown = String(decoding: output, as: UTF8.self)
                #expect(shown.hasSuffix(Redactor.mask), "\(form.prefix(length)) became \(shown)")
            }
        }
        #expect(redactor.redact(cut: Array("a corr".utf8)) == Array("a •••".utf8))
        #expect(redactor.redact(cut: Array("a cor".utf8)) == Array("a cor".utf8))
        #expect(redactor.redact("a corr") == "a corr")
    }

    @Test func verifiersOfPostgreSQLAreSecretsWhereverTheyStand() {
        let salt = "W22ZaJ0SNY7soEsUEjb6gQ=="
        let keys = "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        let redactor = Redactor()
        let row = "rolpassword | SCRAM-SHA-256$4096:\(salt)$\(keys)\n(1 row)"
        #expect(redactor.redact(row) == "rolpassword | •••\n(1 row)")
        #expect(redactor.redact("\"SCRAM-SHA-256\\$4096:\(salt)\\$\(keys)\"") == "\"•••\"")
        #expect(redactor.redact("SCRAM-SHA-256$4096:\(salt.prefix(7))") == "•••")
        #expect(redactor.redact("password_encryption = scram-sha-256, SCRAM-SHA-256$").hasSuffix("SCRAM-SHA-256$"))
    }

    @Test func aTextOfBackslashesTakesNoLongerThanAnother() {
        let redactor = Redactor(Self.secrets.map { Secret($0) })
        func time(_ text: String) -> Double {
            let bytes = Array(String(repeating: text, count: (1 << 19) / text.utf8.count).utf8)
            func used() -> Double {
                var time = timespec()
                clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
                return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
            }
            return (0..<3).map { _ in
                let before = used()
                _ = redactor.redact(bytes)
                return used() - before
            }.min() ?? 0
        }
        let ordinary = time("2026-11-24T08:45:01Z INFO {\"path\":\"/app\"} and more text\n")
        let nearly = String(Self.secrets[10].dropLast()) + "!"
        for text in ["\\", "%", "'", "\\\\u00", "hunter2", "abc", "aHVudGVyMj", "6875", nearly] {
            let took = time(text)
            #expect(took < ordinary * 20, "\(text.prefix(20)): \(took), ordinary text: \(ordinary)")
        }
    }

    @Test(arguments: [
        "true", "TRUE", "1234", "2024", "abc", "", "     ", "aaaaaaaa", "abababab", "postgres", " Password\n",
    ])
    func whatOrdinaryTextIsFullOfIsNoSecret(value: String) throws {
        let objection = try #require(Redactor.objection(to: Secret(value)))
        #expect(objection.hasPrefix("is ") || objection.hasPrefix("has "))
        let redactor = Redactor()
        #expect(!redactor.add(Secret(value)))
        let text = "{\"ready\": true, \"year\": 2024, \"port\": 1234, \"user\": \"postgres\"} aaaaaaaaabababab password"
        #expect(redactor.redact(text) == text)
    }

    @Test(arguments: ["abcd", "12345678", "hunter22", "t0ps", "correct horse"]) func othersAre(value: String) {
        #expect(Redactor.objection(to: Secret(value)) == nil)
        #expect(Redactor([Secret(value)]).redact("<\(value)>") == "<•••>")
    }
}
