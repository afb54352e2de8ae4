import Foundation

/// Builds a JSON document whose members keep their order, for people to read and edit.
extension InventoryValue {
    /// The member at `path`; nil if there is none.
    subscript(path: String) -> InventoryValue? {
        get {
            path.split(separator: ".").reduce(self as InventoryValue?) { value, key in
                guard case .object(let members) = value else { return nil }
                return members.first { $0.key == key }?.node.value
            }
        }
        set { set(path.split(separator: ".")[...], to: newValue) }
    }

    /// An array of strings.
    static func texts(_ texts: [String]) -> InventoryValue {
        .array(texts.map { JSONNode(value: .string($0), position: .start) })
    }

    private mutating func set(_ path: ArraySlice<Substring>, to value: InventoryValue?) {
        guard let key = path.first.map(String.init) else {
            self = value ?? .null
            return
        }
        var members: [Member] = if case .object(let members) = self { members } else { [] }
        let index = members.firstIndex { $0.key == key }
        if index == nil, value == nil { return }
        var inner = index.map { members[$0].node.value } ?? .object([])
        if path.count == 1, value == nil {
            members.removeAll { $0.key == key }
        } else {
            inner.set(path.dropFirst(), to: value)
            let member = Member(key: key, keyPosition: .start, node: JSONNode(value: inner, position: .start))
            if let index { members[index] = member } else { members.append(member) }
        }
        self = .object(members)
    }

    /// The document as text: short values on one line, everything else indented by two spaces.
    func written(indent: String = "") throws -> String {
        let line = try flat()
        if indent.utf8.count + line.utf8.count <= 100, isSimple { return line }
        let inner = indent + "  "
        switch self {
        case .array(let nodes):
            let lines = try nodes.map { inner + (try $0.value.written(indent: inner)) }
            return "[\n\(lines.joined(separator: ",\n"))\n\(indent)]"
        case .object(let members):
            let lines = try members.map {
                "\(inner)\(try Self.quoted($0.key)): \(try $0.node.value.written(indent: inner))"
            }
            return "{\n\(lines.joined(separator: ",\n"))\n\(indent)}"
        default: return line
        }
    }

    /// Whether it may be written on one line: it contains no objects, and an object only short
    /// arrays.
    private var isSimple: Bool {
        switch self {
        case .array(let nodes): nodes.allSatisfy { $0.value.kind != .object }
        case .object(let members): members.count <= 6 && members.allSatisfy { $0.node.value.kind != .object }
        default: true
        }
    }

    private func flat() throws -> String {
        switch self {
        case .string(let text): try Self.quoted(text)
        case .number(let digits): digits
        case .bool(let flag): flag ? "true" : "false"
        case .null: "null"
        case .array(let nodes): "[\(try nodes.map { try $0.value.flat() }.joined(separator: ", "))]"
        case .object(let members) where members.isEmpty: "{}"
        case .object(let members):
            "{ \(try members.map { "\(try Self.quoted($0.key)): \(try $0.node.value.flat())" }.joined(separator: ", ")) }"
        }
    }

    private static func quoted(_ text: String) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        return String(decoding: try encoder.encode(text), as: UTF8.self)
    }
}
