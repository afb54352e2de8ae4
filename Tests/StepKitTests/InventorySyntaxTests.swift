import Foundation
import Testing

@testable import StepKit

@Suite struct InventorySyntaxTests {
    @Test(arguments: [
        ("", 1, 1), ("{", 1, 2), ("{\n  \"a\": tru\n}", 2, 11), ("{'a': 1}", 1, 2), ("{a: 1}", 1, 2),
        ("{\"a\": 1} {}", 1, 10), ("# comment\n{}", 1, 1), ("{\"a\": 1} # comment", 1, 10), ("{\"a\": 0x10}", 1, 8),
        ("{\"a\": 1,}", 1, 8), ("{\"a\": [1,\n]}", 1, 9), ("{\"é\": x}", 1, 7), ("a: 1", 1, 1),
        ("{\"a\": \"\t\"}", 1, 8),
        ("{\"a\": &x 1}", 1, 7), ("{\"a\": \"\\ud83d\"}", 1, 16), ("{\"a\": \"x\u{2028}y\"}", 1, 9),
        ("{\"a\": \"\u{7F}\"}", 1, 8), ("{\"a\": \"\u{FEFF}\"}", 1, 8),
    ])
    func whatIsNotStrictJSONIsRefusedAtItsPlace(_ text: String, line: Int, column: Int) throws {
        let problem = try #require(throws: InventoryProblem.self) { try JSONNode.read(text) }
        #expect(problem.line == line, "\(problem.message)")
        #expect(problem.column == column, "\(problem.message)")
    }

    @Test(arguments: [
        "[,]", "{,}", "[1,,2]", "{\"a\":1,,}", "\"\\udc00\"", "\"\\x\"", "[1 2]", "{\"a\"}", "01", "nul", "- 1", "[]]",
    ])
    func whatIsNotStrictJSONIsRefused(_ text: String) {
        #expect(throws: InventoryProblem.self) { try JSONNode.read(text) }
    }

    @Test func deepNestingIsRefusedBeforeItExhaustsTheStack() {
        let text = String(repeating: "[", count: 400) + String(repeating: "]", count: 400)
        #expect(throws: InventoryProblem.self) { try JSONNode.read(text) }
    }

    @Test func aColonOnTheNextLineIsRefusedWithTheReason() throws {
        let problem = try #require(throws: InventoryProblem.self) { try JSONNode.read("{\n\"a\"\n: 1}") }
        #expect(problem.message.contains("a key and its colon must be on one line"))
    }

    @Test(arguments: [
        "\"\\/\"", "\"\\ud83d\\ude00\"", "\"\\\\ud83d\"", "\"\\b\\f\\n\\r\\t\\\"\\\\\"", "\"\\u0000\\u007f\\u2028\"",
        "\"# no\"",
        "\"a: b\"", "\"'\"", "\"{}[],\"", "\"&a *b !c\"", "\"  spaces  \"", "\"é\\u00e9\"", "\"yes\"", "\"null\"",
        "\"1\"",
        "\"\\ud800\\udc00\\udbff\\udfff\"", "\"\"", "\"~\"", "\"\u{301}\"",
    ])
    func stringsMeanWhatFoundationSaysTheyMean(_ literal: String) throws {
        let expected = try #require(
            try JSONSerialization.jsonObject(with: Data(literal.utf8), options: .fragmentsAllowed) as? String)
        let node = try JSONNode.read("[\(literal)]")
        guard case .array(let elements) = node.value, case .string(let read) = elements.first?.value else {
            Issue.record("not an array of a string: \(node)")
            return
        }
        #expect(Array(read.unicodeScalars) == Array(expected.unicodeScalars))
    }

    @Test func typesComeFromJSONAndNotFromYAML() throws {
        let node = try JSONNode.read(
            "{\"a\":1e5,\"b\":true,\"c\":null,\"d\":-0.5,\"e\":{},\"f\":[],\"g\":[{}],\"h\":{ \n}, \"i\":\"true\", \"j\":{\"k\":[1]}}"
        )
        guard case .object(let members) = node.value else {
            Issue.record("not an object")
            return
        }
        let kinds = members.map(\.node.value.kind)
        #expect(kinds == [.number, .boolean, .null, .number, .object, .array, .array, .object, .string, .object])
        #expect(members[0].node.value == .number("1e5"))
    }

    @Test func tabsWindowsLineEndsAndAByteOrderMarkAreWhiteSpace() throws {
        let text = "\u{FEFF}\t" + InventorySample.lab.replacing("\n  ", with: "\r\n\t").replacing(": ", with: ":\t")
        #expect(InventorySample.problems(in: text) == [])
    }

    @Test func placesAreExactAfterEverythingThatIsRewritten() throws {
        let node = try JSONNode.read(
            "{\t\"é\\ud83d\\ude00\\u00e9\\ud83d\\ude00\": \"x\", \"b\"\t:\t[ { } , {\"c\":\t7 }]}")
        guard case .object(let members) = node.value, case .array(let elements) = members.last?.node.value,
            case .object(let inner) = elements.last?.value
        else {
            Issue.record("unexpected shape: \(node)")
            return
        }
        #expect(members[0].node.position == TextPosition(line: 1, column: 38))
        #expect(members[1].keyPosition == TextPosition(line: 1, column: 43))
        #expect(elements[1].position == TextPosition(line: 1, column: 57))
        #expect(inner[0].node.position == TextPosition(line: 1, column: 63))
    }

    @Test func bytesThatAreNotUTF8AreRefusedAtTheirPlace() throws {
        let bytes = Array("{\n \"a\": \"".utf8) + [0xFF] + Array("\"}".utf8)
        let error = try #require(throws: InventoryError.self) { try Inventory.parse(bytes, path: "/i.json", for: []) }
        #expect(error.problems == [InventoryProblem(at: TextPosition(line: 2, column: 8), "is not UTF-8")])
    }
}
