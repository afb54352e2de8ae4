import ClientKit
import Testing

@testable import StepKit
@testable import Steps

@Suite struct ChatwootPasswordRulesTests {
    @Test func generatedPasswordsAreReadAsTheyAre() {
        for password in (0..<50).map({ _ in SecretGenerator.password() }) {
            #expect(ChatwootPasswordRules.misreadingAsDatabasePassword(password) == nil)
            #expect(ChatwootPasswordRules.misreadingAsRedisPassword(password) == nil)
        }
    }

    @Test(arguments: [
        ("a\"b", "contains a \""), ("a\\b", "contains a \\"), ("a\\nb", "contains a \\"), ("a\\", "contains a \\"),
        ("\"", "contains a \""), ("\"\u{301}", "contains a \""), ("", "is empty"), ("a\nb", "U+000A"),
        ("a\u{85}b", "U+0085"),
        ("a\u{7F}b", "U+007F"), ("x\" #\"", "contains a \""),
    ])
    func databasePasswordsThatChatwootMisreadsAreNamed(_ value: String, reason: String) throws {
        let misreading = try #require(ChatwootPasswordRules.misreadingAsDatabasePassword(Secret(value)))
        #expect(misreading.reason.contains(reason), "\(misreading.reason)")
    }

    @Test(arguments: [
        "plain", "it's", "$HOME", "#{x}", "a: b", " #x ", "%", "@x", "é😀", "123", "true", "~", "<%= x %>", "a/b+c=&?",
        "{[]}",
        String(repeating: "a", count: 200), " ",
    ])
    func databasePasswordsThatChatwootReadsRightAreAccepted(_ value: String) {
        #expect(ChatwootPasswordRules.misreadingAsDatabasePassword(Secret(value)) == nil)
    }

    @Test(arguments: [
        ("@x", "begins with @"), ("*x", "begins with *"), ("!x", "begins with !"), ("%x", "begins with %"),
        ("\"x", "begins with \""),
        ("'x'", "begins with '"), ("{x", "begins with {"), ("`x", "begins with `"), ("[x", "begins with ["),
        ("]x", "begins with ]"),
        ("}x", "begins with }"), ("|", "begins with |"), (">x", "begins with >"), ("#x", "begins with #"),
        ("&x", "begins with &"),
        ("~", "begins with ~"), ("~x", "begins with ~"), ("- x", "begins with -"), ("-", "begins with -"),
        ("? x", "begins with ?"),
        (",x", "begins with ,"), (":x", "begins with :"), ("a: b", "a colon before a space"),
        ("a #b", "a # after a space"), ("a:", "ends with a colon"),
        (" x", "begins or ends with a space"), ("x ", "begins or ends with a space"), ("", "is empty"),
        ("a\nb", "U+000A"), ("a\tb: c", "a colon before"),
        ("0123", "is read as"), ("123", "is read as"), ("1_000", "is read as"), ("1,000", "is read as"),
        ("1.5", "is read as"),
        ("-1", "is read as"),
        ("0x1f", "is read as"), ("0b11", "is read as"), ("1:30", "is read as"), (".5", "is read as"),
        ("1e5", "is read as"),
        (".inf", "is read as"),
        (".NaN", "is read as"), ("true", "is read as"), ("False", "is read as"), ("yes", "is read as"),
        ("OFF", "is read as"),
        ("null", "is read as"),
        ("2024-01-31", "is read as"), ("2024-01-31 10:00:00", "is read as"), ("=", "is read as"), ("<<", "is read as"),
        ("1.5e+3", "is read as"), ("2024-1-3", "is read as"), ("0x1,f", "is read as"),
    ])
    func redisPasswordsThatChatwootMisreadsAreNamed(_ value: String, reason: String) throws {
        let misreading = try #require(ChatwootPasswordRules.misreadingAsRedisPassword(Secret(value)))
        #expect(misreading.reason.contains(reason), "\(misreading.reason)")
        #expect(misreading.remedy.contains("begins with a letter"))
    }

    @Test(arguments: [
        "plain", "a@b", "a\"b", "a'b", "a#b", "a:b", "a{b}", "a\\b", "a b", "a%b", "-x", "?x", "x!", "a, b", "é😀",
        "truely", "0x", "12ab",
        "a&b=c", "$x", "(x)", "=x", String(repeating: "Z9", count: 100),
    ])
    func redisPasswordsThatChatwootReadsRightAreAccepted(_ value: String) {
        #expect(ChatwootPasswordRules.misreadingAsRedisPassword(Secret(value)) == nil)
    }

    @Test func aReasonNamesTheCharacterAndNeverTheValue() throws {
        for value in ["@hunter2", "hunter2: x", "hunter2\"\\"] {
            let found = [
                ChatwootPasswordRules.misreadingAsDatabasePassword(Secret(value)),
                ChatwootPasswordRules.misreadingAsRedisPassword(Secret(value)),
            ].compactMap { $0 }
            #expect(!found.isEmpty)
            #expect(!found.contains { "\($0)".contains("hunter2") })
        }
    }
}
