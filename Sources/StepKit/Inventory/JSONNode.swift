import Foundation
import Yams

/// A JSON value and its position in the text.
package struct JSONNode: Sendable, Hashable {
    let value: InventoryValue
    let position: TextPosition
}

/// A JSON value; objects keep their members in the order written, including duplicate keys.
package enum InventoryValue: Sendable, Hashable {
    case string(String)
    /// A number as it is written, so that nothing is rounded before a rule checks it.
    case number(String)
    case bool(Bool)
    case null
    case array([JSONNode])
    case object([Member])

    package struct Member: Sendable, Hashable {
        let key: String
        let keyPosition: TextPosition
        let node: JSONNode
    }

    package var kind: JSONKind {
        switch self {
        case .string: .string
        case .number: .number
        case .bool: .boolean
        case .null: .null
        case .array: .array
        case .object: .object
        }
    }
}

/// The type of a JSON value, named as in a JSON schema.
package enum JSONKind: String, Sendable {
    case string, number, integer, boolean, null, array, object

    package var withArticle: String {
        switch self {
        case .null: "null"
        case .integer: "a whole number"
        case .array, .object: "an \(rawValue)"
        default: "a \(rawValue)"
        }
    }
}

extension InventoryValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int) { self = .number(String(value)) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
}

extension InventoryValue: ExpressibleByArrayLiteral {
    package init(arrayLiteral elements: InventoryValue...) {
        self = .array(elements.map { JSONNode(value: $0, position: .start) })
    }
}

extension JSONNode {
    /// Reads a whole JSON text.
    ///
    /// Foundation decides whether it is JSON; Yams, for which JSON is nearly a subset of YAML,
    /// provides the position of each value.
    static func read(_ text: String) throws(InventoryProblem) -> JSONNode {
        try requireStrictJSON(text)
        let flow = try FlowText(json: text)
        do {
            guard let root = try compose(yaml: flow.yaml) else {
                throw InventoryProblem(at: .start, "is empty")
            }
            return try JSONNode(root)
        } catch let problem as InventoryProblem {
            throw problem
        } catch {
            throw InventoryProblem(at: position(of: error), syntaxMessage(for: error))
        }
    }

    private init(_ node: Node) throws(InventoryProblem) {
        position = TextPosition(node.mark)
        switch node {
        case .scalar(let scalar) where scalar.style == .plain:
            value =
                switch scalar.string {
                case "null": .null
                case "true": .bool(true)
                case "false": .bool(false)
                default: .number(scalar.string)
                }
        case .scalar(let scalar):
            value = .string(scalar.string)
        case .mapping:
            // FlowText leaves braces only for empty objects; every other object is a sequence of
            // pairs here.
            value = .object([])
        case .sequence(let sequence):
            var elements: [JSONNode] = []
            var members: [InventoryValue.Member] = []
            for element in sequence {
                if case .mapping(let pair) = element, let (key, node) = pair.first, let name = key.scalar?.string {
                    members.append(.init(key: name, keyPosition: TextPosition(key.mark), node: try JSONNode(node)))
                } else {
                    elements.append(try JSONNode(element))
                }
            }
            value = members.isEmpty ? .array(elements) : .object(members)
        case .alias:
            throw InventoryProblem(at: position, "is not JSON")
        }
    }

    private static func requireStrictJSON(_ text: String) throws(InventoryProblem) {
        do {
            _ = try JSONSerialization.jsonObject(with: Data(text.utf8), options: [.fragmentsAllowed])
        } catch {
            // Foundation gives the position only in its message: "… around character 17.", counted
            // in bytes.
            let sentence = (error as NSError).userInfo[NSDebugDescriptionErrorKey] as? String ?? "not JSON"
            let offset = sentence.firstMatch(of: /around character (\d+)/).flatMap { Int($0.1) }
            let what = sentence.prefix { $0 != "." }.replacing(/\ around character \d+/, with: "")
            throw InventoryProblem(
                at: TextPosition(of: offset ?? text.utf8.count, in: text), "is not JSON: \(what)")
        }
    }

    static func position(of error: any Error) -> TextPosition? {
        switch error as? YamlError {
        case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _): TextPosition(mark)
        case .duplicatedKeysInMapping(_, let context): TextPosition(context.mark)
        default: nil
        }
    }

    private static func syntaxMessage(for error: any Error) -> String {
        switch error as? YamlError {
        case .scanner(_, let problem, _, _), .parser(_, let problem, _, _):
            "cannot be read (\(problem)); a key and its colon must be on one line"
        default: "cannot be read (\(error))"
        }
    }
}

extension TextPosition {
    init(_ mark: Mark?) {
        self.init(line: mark?.line ?? 1, column: mark?.column ?? 1)
    }

    /// The position of the byte at `offset` in `text`, or of the end if there are fewer bytes.
    init(of offset: Int, in text: String) {
        self = .start
        let end = text.utf8.index(text.startIndex, offsetBy: offset, limitedBy: text.endIndex) ?? text.endIndex
        var previous: Unicode.Scalar?
        for scalar in text.unicodeScalars[..<end] {
            advance(over: scalar, after: previous)
            previous = scalar
        }
    }

    /// Moves past `scalar`; a carriage return, a line feed, or both together are one line break, as
    /// in Yams.
    mutating func advance(over scalar: Unicode.Scalar, after previous: Unicode.Scalar?) {
        switch scalar {
        case "\n" where previous == "\r": break
        case "\n", "\r": self = TextPosition(line: line + 1, column: 1)
        default: column += 1
        }
    }
}
