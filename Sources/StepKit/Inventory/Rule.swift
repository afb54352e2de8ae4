/// The rule for a value of the inventory: its JSON type, and its conversion to a Swift value.
package struct Rule<Value> {
    let kind: JSONKind
    let choices: [String]?
    package let range: ClosedRange<Int>?
    /// The value to use in place of one that was reported as missing or wrong.
    let placeholder: Value
    package let read: (InventoryValue) throws(Mistake) -> Value

    /// Describes a rule; see the properties.
    package init(
        kind: JSONKind, choices: [String]? = nil, range: ClosedRange<Int>? = nil, placeholder: Value,
        read: @escaping (InventoryValue) throws(Mistake) -> Value
    ) {
        self.kind = kind
        self.choices = choices
        self.range = range
        self.placeholder = placeholder
        self.read = read
    }
}

/// The beginning of a value that `runner inventory import` could not know; the rest describes what
/// to fill in.
let blank = "FILL IN: "

/// Why a value violates a rule.
package struct Mistake: Error {
    let message: String

    package init(_ message: String) {
        self.message = message
    }
}

extension Rule {
    /// A string that `convert` accepts.
    package static func string(
        placeholder: Value, choices: [String]? = nil, _ convert: @escaping (String) throws(Mistake) -> Value
    ) -> Rule {
        Rule(kind: .string, choices: choices, placeholder: placeholder) { (value) throws(Mistake) in
            guard case .string(let text) = value else {
                throw Mistake("must be a string, not \(value.kind.withArticle)")
            }
            if text.hasPrefix(blank) {
                throw Mistake("has not been filled in yet: \(text.dropFirst(blank.count))")
            }
            return try convert(text)
        }
    }

    /// A whole number within `range`.
    package static func integer(
        _ range: ClosedRange<Int>, placeholder: Value, convert: @escaping (Int) -> Value
    ) -> Rule {
        Rule(kind: .integer, range: range, placeholder: placeholder) { (value) throws(Mistake) in
            guard case .number(let digits) = value else {
                throw Mistake("must be a whole number, not \(value.kind.withArticle)")
            }
            guard let number = Int(digits) else {
                throw Mistake("must be a whole number, not \(shown(digits))")
            }
            guard range.contains(number) else {
                throw Mistake("must be between \(range.lowerBound) and \(range.upperBound), not \(number)")
            }
            return convert(number)
        }
    }
}

extension Rule<Int> {
    /// A whole number within `range`.
    package static func integer(_ range: ClosedRange<Int>) -> Rule {
        .integer(range, placeholder: range.lowerBound) { $0 }
    }

    /// A TCP port.
    package static var port: Rule { .integer(1...65535) }
}

extension Rule<Duration> {
    /// A number of seconds within `range`.
    package static func seconds(_ range: ClosedRange<Int> = 1...86400) -> Rule {
        .integer(range, placeholder: .zero) { .seconds($0) }
    }
}

extension Rule<Bool> {
    /// `true` or `false`.
    package static var flag: Rule {
        Rule(kind: .boolean, placeholder: false) { (value) throws(Mistake) in
            guard case .bool(let flag) = value else {
                throw Mistake("must be true or false, not \(value.kind.withArticle)")
            }
            return flag
        }
    }
}

extension Rule where Value: RawRepresentable<String> & CaseIterable {
    /// One of the values of `Value`.
    package static func choice(placeholder: Value) -> Rule {
        let choices = Value.allCases.map(\.rawValue)
        return .string(placeholder: placeholder, choices: choices) { (text) throws(Mistake) in
            guard let value = Value(rawValue: text) else {
                let hint = suggestion(for: text, among: choices).map { "; did you mean \"\($0)\"?" } ?? ""
                throw Mistake("must be one of \(choices.joined(separator: ", ")), not \(shown(text))\(hint)")
            }
            return value
        }
    }
}

extension Rule<Inventory.RootCertificate> {
    /// `system`, or the path of a file on this machine.
    static func rootCertificate(_ session: ReadingSession) -> Rule {
        let path = Rule<String>.localPath(session)
        return .string(placeholder: .system) { (text) throws(Mistake) in
            text == "system" ? .system : .file(try path.read(.string(text)))
        }
    }
}
