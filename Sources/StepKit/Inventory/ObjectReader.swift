/// Reads the members of one JSON object, collecting every mistake instead of stopping at the first.
///
/// A member that is missing or wrong is reported and read as its rule's placeholder; a result with
/// mistakes is never returned. Unknown keys are reported by ``finish()``.
package final class ObjectReader {
    let session: ReadingSession
    let path: String
    /// ``path`` without indices, as in ``ReadingSession/Key``.
    private let pattern: String
    private var members: [String: JSONNode] = [:]
    private var keyPositions: [(key: String, position: TextPosition)] = []
    private var asked: [String] = []
    /// Whether the object itself is absent, so that its missing members are not reported too.
    private let isAbsent: Bool

    /// Reads `node`, which should be an object; nil if it is absent.
    init(_ node: JSONNode?, path: String, pattern: String, session: ReadingSession) {
        self.session = session
        self.path = path
        self.pattern = pattern
        guard let node, case .object(let written) = node.value else {
            isAbsent = true
            if let node {
                session.report(path, "must be an object, not \(node.value.kind.withArticle)")
            }
            return
        }
        isAbsent = false
        for member in written {
            let memberPath = childPath(member.key)
            if members[member.key] != nil {
                session.report(
                    memberPath, at: member.keyPosition,
                    "is defined twice, first on line \(session.line(of: memberPath)); keep one")
                continue
            }
            members[member.key] = member.node
            keyPositions.append((member.key, member.keyPosition))
            session.place(memberPath, at: member.node.position)
        }
    }

    /// Whether the object has `key`, whether or not its value is valid.
    func has(_ key: String) -> Bool {
        members[key] != nil
    }

    /// Adds a mistake about `key`.
    func report(_ key: String, _ message: String) {
        session.report(childPath(key), message)
    }

    /// Reports a mistake unless exactly one of two keys is present.
    func requireOne(of first: String, _ second: String) {
        if has(first), has(second) {
            report(second, "must not be combined with \"\(first)\"; keep one of them")
        } else if !has(first), !has(second), !isAbsent {
            session.report(path, "must have either \"\(first)\" or \"\(second)\"")
        }
    }

    /// A member that is required unless there is a `fallback`.
    package func value<Value>(_ key: String, _ rule: Rule<Value>, default fallback: InventoryValue? = nil) -> Value {
        note(key, rule, isRequired: fallback == nil, fallback: fallback)
        guard let node = members[key] else {
            guard let fallback else {
                reportMissing(key)
                return rule.placeholder
            }
            return convert(fallback, by: rule, at: childPath(key)) ?? rule.placeholder
        }
        return convert(node.value, by: rule, at: childPath(key)) ?? rule.placeholder
    }

    /// A member that may be absent.
    package func optional<Value>(_ key: String, _ rule: Rule<Value>) -> Value? {
        note(key, rule, isRequired: false, fallback: nil)
        return members[key].flatMap { convert($0.value, by: rule, at: childPath(key)) }
    }

    /// An array of distinct scalars, with at least one.
    package func list<Value>(_ key: String, of rule: Rule<Value>, default fallback: InventoryValue? = nil) -> [Value] {
        asked.append(key)
        session.note(
            .init(
                path: childPattern(key), kind: .array, isRequired: fallback == nil,
                fallback: fallback, choices: rule.choices, minimum: 1))
        var seen: Set<InventoryValue> = []
        return elements(of: key, fallback: fallback).compactMap { (element, path) in
            if !seen.insert(element.value).inserted {
                session.report(path, "is listed twice")
            }
            return convert(element.value, by: rule, at: path)
        }
    }

    /// An object that is required if `isRequired`, and otherwise read as if it were empty.
    package func object<Value>(_ key: String, isRequired: Bool = false, _ build: (ObjectReader) -> Value) -> Value {
        noteObject(key, isRequired: isRequired)
        if isRequired, members[key] == nil {
            reportMissing(key)
        }
        return read(members[key], at: childPath(key), pattern: childPattern(key), build)
    }

    /// An object that may be absent.
    package func optionalObject<Value>(_ key: String, _ build: (ObjectReader) -> Value) -> Value? {
        noteObject(key, isRequired: false)
        guard members[key] != nil || session.isProbe else {
            return nil
        }
        return read(members[key], at: childPath(key), pattern: childPattern(key), build)
    }

    /// An array of objects, with at least one.
    package func objects<Value>(_ key: String, _ build: (ObjectReader) -> Value) -> [Value] {
        asked.append(key)
        session.note(.init(path: childPattern(key), kind: .array, isRequired: true, minimum: 1))
        if session.isProbe {
            _ = read(nil, at: childPath(key) + "[0]", pattern: childPattern(key) + "[]", build)
        }
        return elements(of: key, fallback: nil).map { (element, path) in
            read(element, at: path, pattern: childPattern(key) + "[]", build)
        }
    }

    /// An object with any keys that `names` accepts, whose values are strings.
    package func table(_ key: String, names: Rule<String>) -> [String: String] {
        noteObject(key, isRequired: false)
        guard let node = members[key] else {
            return [:]
        }
        return read(node, at: childPath(key), pattern: childPattern(key)) { reader in
            reader.members.reduce(into: [:]) { result, member in
                reader.asked.append(member.key)
                let memberPath = reader.childPath(member.key)
                guard let name = convert(.string(member.key), by: names, at: memberPath) else {
                    return
                }
                result[name] = convert(member.value.value, by: .anyText, at: memberPath)
            }
        }
    }

    /// Reports the unknown keys.
    func finish() {
        for (key, position) in keyPositions where !asked.contains(key) {
            let hint = suggestion(for: key, among: asked.filter { !has($0) }).map { "did you mean \"\($0)\"?" }
            session.report(
                childPath(key), at: position,
                "is not a key of the inventory; " + (hint ?? "known here: \(asked.sorted().joined(separator: ", "))"))
        }
    }

    private func read<Value>(
        _ node: JSONNode?, at path: String, pattern: String, _ build: (ObjectReader) -> Value
    ) -> Value {
        let reader = ObjectReader(node, path: path, pattern: pattern, session: session)
        let value = build(reader)
        reader.finish()
        return value
    }

    private func elements(of key: String, fallback: InventoryValue?) -> [(JSONNode, String)] {
        let path = childPath(key)
        guard let value = members[key]?.value ?? fallback else {
            reportMissing(key)
            return []
        }
        guard case .array(let nodes) = value else {
            session.report(path, "must be an array, not \(value.kind.withArticle)")
            return []
        }
        if nodes.isEmpty {
            session.report(path, "must not be empty")
        }
        return nodes.enumerated().map { (index, node) in
            session.place("\(path)[\(index)]", at: node.position)
            return (node, "\(path)[\(index)]")
        }
    }

    private func convert<Value>(_ value: InventoryValue, by rule: Rule<Value>, at path: String) -> Value? {
        do {
            return try rule.read(value)
        } catch {
            session.report(path, error.message)
            return nil
        }
    }

    private func reportMissing(_ key: String) {
        if !isAbsent {
            session.report(childPath(key), "is missing")
        }
    }

    private func note<Value>(_ key: String, _ rule: Rule<Value>, isRequired: Bool, fallback: InventoryValue?) {
        asked.append(key)
        session.note(
            .init(
                path: childPattern(key), kind: rule.kind, isRequired: isRequired, fallback: fallback,
                choices: rule.choices, range: rule.range))
    }

    private func noteObject(_ key: String, isRequired: Bool) {
        asked.append(key)
        session.note(.init(path: childPattern(key), kind: .object, isRequired: isRequired))
    }

    private func childPath(_ key: String) -> String {
        let isPlain = key.wholeMatch(of: /[A-Za-z_$][A-Za-z0-9_$-]*/) != nil
        return isPlain ? join(path, key) : "\(path)[\(shown(key))]"
    }

    private func childPattern(_ key: String) -> String {
        join(pattern, key)
    }

    private func join(_ parent: String, _ key: String) -> String {
        parent.isEmpty ? key : "\(parent).\(key)"
    }
}
