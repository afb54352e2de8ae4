import Foundation
import Kubernetes
import Testing

@Suite struct JSONValueTests {
    private func parse(_ text: String) throws(JSONSyntaxError) -> JSONValue {
        try JSONValue(parsing: Array(text.utf8))
    }

    @Test func parsesEveryKindOfValue() throws {
        let text = #" {"a": [1, -2.5e3, true, false, null, "x"], "b": {}, "c": [] } "#
        let expected: JSONValue = [
            "a": [1, .number(-2500), true, false, .null, "x"], "b": [:], "c": [],
        ]
        #expect(try parse(text) == expected)
    }

    @Test func integersStayExact() throws {
        #expect(try parse("9007199254740993") == 9_007_199_254_740_993)
        #expect(try parse("9223372036854775807") == .integer(.max))
        #expect(try parse("9223372036854775808") == .number(9_223_372_036_854_775_808))
    }

    @Test func readsEscapesAndSurrogates() throws {
        #expect(try parse(#""a\"\\\/\b\f\n\r\té😀é""#) == .string("a\"\\/\u{8}\u{c}\n\r\té😀é"))
    }

    @Test(arguments: [
        "", " ", "{", "[1,", "[1 2]", "{\"a\" 1}", "{\"a\":}", "tru", "\"a", "\"\\x\"", "\"\\u12\"", "1 2", "-",
        "{a:1}",
        String(repeating: "[", count: 300),
    ])
    func refusesWhatIsNotJSON(_ text: String) {
        #expect(throws: JSONSyntaxError.self) { try parse(text) }
    }

    @Test func writesRecordedAnswersAsTheyAre() throws {
        for name in try Fixtures.names(in: "verdicts") {
            let data = try Data(contentsOf: Fixtures.url("verdicts/\(name).json"))
            let value = try JSONValue(parsing: [UInt8](data))
            let written = try JSONSerialization.jsonObject(with: JSONEncoder().encode(value)) as? NSObject
            #expect(written == (try JSONSerialization.jsonObject(with: data) as? NSObject))
        }
    }

    @Test func looksUpMembers() {
        let value: JSONValue = ["a": ["b": ["c": 1]], "labels": ["x": "y", "n": 1]]
        #expect(value["a", "b", "c"]?.integer == 1)
        #expect(value["a", "x", "c"] == nil)
        #expect(value["labels"]?.strings == ["x": "y"])
    }
}
