import Foundation
import Testing

@testable import StepKit

/// The published schema and the decoder say the same.
@Suite struct InventorySchemaTests {
    private let schema: InventoryValue

    init() throws {
        let file = InventorySample.package + "inventory.schema.json"
        schema = try JSONNode.read(try String(contentsOfFile: file, encoding: .utf8)).value
    }

    @Test func everyKeyTheDecoderKnowsIsInTheSchemaAndTheReverse() {
        let known = Set(Inventory.knownKeys(for: InventorySample.modules).map(Fact.init))
        let published = Set(facts(in: schema, path: ""))
        #expect(known.subtracting(published).sorted() == [])
        #expect(published.subtracting(known).sorted() == [])
        #expect(known.count > 60)
    }

    @Test func everyKeyIsDescribedAndNoObjectTakesOthers() {
        for (path, part) in parts(of: schema, path: "") {
            #expect(part["description"] != nil || path.hasSuffix("]"), "\(path)")
            if part["type"] == "object" {
                let isTable = part["properties"] == nil
                #expect((part["additionalProperties"] == false) != isTable, "\(path)")
            }
        }
    }

    @Test func whatTheDecoderAcceptsTheSchemaAccepts() throws {
        let shipped = try String(contentsOfFile: InventorySample.package + "inventory.json", encoding: .utf8)
        for text in [shipped, InventorySample.lab] {
            #expect(InventorySample.problems(in: text) == [])
            #expect(violations(of: try JSONNode.read(text).value, against: schema, at: "") == [])
        }
    }

    @Test(arguments: InventoryMistakeTests.keysAndTypes.filter { !$0.message.contains("twice") })
    func wrongKeysAndTypesAreRefusedByTheSchemaToo(_ example: InventoryMistakeTests.Case) throws {
        let text = try InventorySample.changed([(example.old, example.new)])
        #expect(violations(of: try JSONNode.read(text).value, against: schema, at: "") != [])
    }

    @Test func everyTimeLimitIsDocumentedWithItsDefault() throws {
        let page = try String(contentsOfFile: InventorySample.package + "docs/inventory.md", encoding: .utf8)
        let told = page.matches(of: /\n\| `([a-z]+)` \| (\d+) \|/).map { "\($0.1) \(InventoryValue.number("\($0.2)"))" }
        let keys = Inventory.knownKeys(for: InventorySample.modules).filter { $0.path.hasPrefix("limits.") }
        let known = keys.compactMap { key in key.fallback.map { "\(key.path.dropFirst("limits.".count)) \($0)" } }
        #expect(Set(told) == Set(known.filter { !$0.hasPrefix("logins ") }))
        #expect(told.count > 10)
    }

    /// What both sides must agree on about one key.
    private struct Fact: Hashable, Comparable, CustomStringConvertible {
        let description: String

        init(_ key: ReadingSession.Key) {
            description = [
                key.path, key.kind.rawValue, key.isRequired ? "required" : "optional", "default \(text(key.fallback))",
                "choices \(key.choices ?? [])", "range \(key.range.map { "\($0)" } ?? "none")",
                "at least \(key.minimum ?? 0)",
            ].joined(separator: ", ")
        }

        static func < (left: Fact, right: Fact) -> Bool { left.description < right.description }
    }

    private func facts(in schema: InventoryValue, path: String) -> [Fact] {
        schema["properties"]?.members.flatMap { (name, part) -> [Fact] in
            let child = path.isEmpty ? name : "\(path).\(name)"
            let isRequired = schema["required"]?.elements.contains(.string(name)) == true
            let alternatives = part["anyOf"]?.elements ?? [part]
            let main = alternatives[0]
            let choices = alternatives.compactMap { $0["enum"] }.first ?? part["items"]?["enum"]
            let fact = Fact(
                .init(
                    path: child, kind: JSONKind(rawValue: main["type"]?.string ?? "") ?? .null, isRequired: isRequired,
                    fallback: part["default"], choices: choices?.elements.compactMap(\.string),
                    range: main["minimum"]?.integer.flatMap { low in main["maximum"]?.integer.map { low...$0 } },
                    minimum: part["minItems"]?.integer))
            return [fact] + facts(in: part, path: child)
                + (part["items"].map { facts(in: $0, path: child + "[]") } ?? [])
        } ?? []
    }

    private func parts(of schema: InventoryValue, path: String) -> [(String, InventoryValue)] {
        let inner = (schema["properties"]?.members ?? []).map { ("\(path).\($0)", $1) }
        let items = schema["items"].map { [("\(path)[]", $0)] } ?? []
        return [(path, schema)] + (inner + items).flatMap { parts(of: $0.1, path: $0.0) }
    }

    /// The part of JSON Schema that the published file uses.
    private func violations(of value: InventoryValue, against schema: InventoryValue, at path: String) -> [String] {
        var result: [String] = []
        let isWholeNumber = value.kind == .number && value.integer != nil
        if let type = schema["type"]?.string, type != value.kind.rawValue, !(type == "integer" && isWholeNumber) {
            return ["\(path): type"]
        }
        if let alternatives = schema["anyOf"]?.elements,
            alternatives.allSatisfy({ violations(of: value, against: $0, at: path) != [] })
        {
            result.append("\(path): anyOf")
        }
        if let choices = schema["enum"]?.elements, !choices.contains(value) { result.append("\(path): enum") }
        if let low = schema["minimum"]?.integer, value.integer ?? low < low { result.append("\(path): minimum") }
        if let high = schema["maximum"]?.integer, value.integer ?? high > high { result.append("\(path): maximum") }
        if let least = schema["minItems"]?.integer, value.elements.count < least { result.append("\(path): minItems") }
        if let pattern = schema["pattern"]?.string, let text = value.string,
            text.range(of: pattern, options: .regularExpression) == nil
        {
            result.append("\(path): pattern")
        }
        for name in schema["required"]?.elements.compactMap(\.string) ?? [] where value[name] == nil {
            result.append("\(path).\(name): required")
        }
        for (name, member) in value.members {
            if let part = schema["properties"]?[name] {
                result += violations(of: member, against: part, at: "\(path).\(name)")
            } else if let others = schema["additionalProperties"], others != false {
                result += violations(of: member, against: others, at: "\(path).\(name)")
            } else {
                result.append("\(path).\(name): additionalProperties")
            }
            if let names = schema["propertyNames"] {
                result += violations(of: .string(name), against: names, at: "\(path).\(name)")
            }
        }
        if let items = schema["items"] {
            result += value.elements.flatMap { violations(of: $0, against: items, at: "\(path)[]") }
        }
        return result
    }
}

/// `value` as text without the places of its parts.
private func text(_ value: InventoryValue?) -> String {
    switch value {
    case nil: "none"
    case .array: "\(value?.elements.map { text($0) } ?? [])"
    case let value?: "\(value)"
    }
}

extension InventoryValue {
    fileprivate var members: [(String, InventoryValue)] {
        guard case .object(let members) = self else { return [] }
        return members.map { ($0.key, $0.node.value) }
    }

    fileprivate var elements: [InventoryValue] {
        guard case .array(let nodes) = self else { return [] }
        return nodes.map(\.value)
    }

    fileprivate var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    fileprivate var integer: Int? {
        guard case .number(let digits) = self else { return nil }
        return Int(digits)
    }

    fileprivate subscript(key: String) -> InventoryValue? {
        members.first { $0.0 == key }?.1
    }
}
