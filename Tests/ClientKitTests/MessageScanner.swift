import Foundation

/// Finds the literals of attempts and remedies in Swift source: those behind `attempt:` and
/// `remedy:`, the first argument of a `StepFailure` or `CombinedFailure`, what is assigned to these
/// names, and what properties and functions of these names return.
struct MessageScanner {
    private enum Token {
        case literal(String)
        case byte(UInt8)
    }

    private let source: [UInt8]
    private var place = 0
    private var tokens: [Token] = []
    /// The tokens that are the first of their line, and those after white space.
    private var (lineStarts, wordStarts): (Set<Int>, Set<Int>) = ([], [])

    static func messages(in text: String) -> [MessageContract.Message] {
        var scanner = MessageScanner(source: Array(text.utf8))
        scanner.tokenize()
        return scanner.messages()
    }

    private init(source: [UInt8]) { self.source = source }

    /// Splits the source into literals and the other bytes, without comments and white space.
    private mutating func tokenize() {
        while place < source.count {
            if starts("//") {
                while place < source.count, source[place] != UInt8(ascii: "\n") { place += 1 }
            } else if starts("#\"") {
                skip(past: "\"#", from: place + 2)
            } else if starts("\"\"\"") {
                let start = place + 3
                skip(past: "\"\"\"", from: start)
                append(start..<max(start, place - 3))
            } else if source[place] == UInt8(ascii: "\"") {
                let start = place
                if let end = endOfLiteral(from: start) {
                    append(start + 1..<end)
                    place = end + 1
                } else {
                    // A quote in a regular expression.
                    place += 1
                }
            } else {
                if source[place] == UInt8(ascii: "\n") { lineStarts.insert(tokens.count) }
                if source[place] > UInt8(ascii: " ") {
                    tokens.append(.byte(source[place]))
                } else {
                    wordStarts.insert(tokens.count)
                }
                place += 1
            }
        }
    }

    private mutating func append(_ range: Range<Int>) {
        let text = String(decoding: source[range], as: UTF8.self)
        tokens.append(.literal(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    private func starts(_ text: String) -> Bool { source[place...].starts(with: text.utf8) }

    private mutating func skip(past end: String, from start: Int) {
        place = start
        while place < source.count, !starts(end) { place += 1 }
        place = min(source.count, place + end.utf8.count)
    }

    /// The place of the quote that ends the literal at `start`; `nil` where its line ends first.
    private func endOfLiteral(from start: Int) -> Int? {
        var index = start + 1
        var depth = 0
        while index < source.count, source[index] != UInt8(ascii: "\n") {
            switch source[index] {
            case UInt8(ascii: "\\") where depth == 0:
                index += 1
                if index < source.count, source[index] == UInt8(ascii: "(") { depth = 1 }
            case UInt8(ascii: "(") where depth > 0: depth += 1
            case UInt8(ascii: ")") where depth > 0: depth -= 1
            case UInt8(ascii: "\""):
                if depth == 0 { return index }
                guard let inner = endOfLiteral(from: index) else { return nil }
                index = inner
            default: break
            }
            index += 1
        }
        return nil
    }

    private static let arguments = marks(["remedy:", "attempt:", "StepFailure(", "CombinedFailure("])
    private static let assignments = marks(
        ["remedy", "attempt"].flatMap { ["\($0)=", "\($0):Remedy=", "\($0):String="] })
    private static let properties = marks(
        ["remedy", "attempt"].flatMap { ["var\($0):String{", "var\($0):Remedy{"] })
    private static let functions = marks(["funcremedy(", "funcattempt("])

    private static func marks(_ texts: [String]) -> [[UInt8]] { texts.map { Array($0.utf8) } }

    private func messages() -> [MessageContract.Message] {
        var found: [MessageContract.Message] = []
        for index in tokens.indices where byte(at: index).map(":(={".utf8.contains) == true {
            for mark in Self.arguments where ends(with: mark, at: index) {
                found += literals(from: index + 1)
            }
            for mark in Self.assignments where ends(with: mark, at: index) {
                if let brace = braceOfSwitch(after: index) {
                    found += results(from: brace)
                } else {
                    found += literals(from: index + 1, isStatement: true)
                }
            }
            if Self.properties.contains(where: { continues($0, to: index) }) {
                found += results(from: index)
            }
            if Self.functions.contains(where: { continues($0, to: index) }),
                let body = body(after: index)
            {
                found += results(from: body)
            }
        }
        return found
    }

    /// The brace that opens the `switch` that is assigned at `index`; `nil` where none is.
    private func braceOfSwitch(after index: Int) -> Int? {
        guard continues(Array("=switch".utf8), to: index + 6) else { return nil }
        return tokens[index...].indices.first { byte(at: $0) == UInt8(ascii: "{") }
    }

    /// Whether `bytes` are in front of the token at `index` and end with it.
    private func continues(_ bytes: [UInt8], to index: Int) -> Bool {
        guard byte(at: index) == bytes.last else { return false }
        let start = index - bytes.count + 1
        return start >= 0 && zip(start...index, bytes).allSatisfy { byte(at: $0) == $1 }
    }

    /// The brace that opens the body of a function with a text as its result; `index` is the
    /// parenthesis of its parameters.
    private func body(after index: Int) -> Int? {
        var depth = 1
        var end = index + 1
        while end < tokens.count, depth > 0 {
            if byte(at: end) == UInt8(ascii: "(") { depth += 1 }
            if byte(at: end) == UInt8(ascii: ")") { depth -= 1 }
            end += 1
        }
        let result = Array("->String{".utf8)
        guard result.indices.allSatisfy({ byte(at: end + $0) == result[$0] }) else { return nil }
        return end + result.count - 1
    }

    /// The literals that the body with its brace at `start` may return, without those of calls,
    /// patterns and conditions in it.
    private func results(from start: Int) -> [MessageContract.Message] {
        var found: [MessageContract.Message] = []
        var (braces, calls) = (1, 0)
        var index = start + 1
        while index < tokens.count, braces > 0 {
            switch tokens[index] {
            case .literal(let text):
                // What an arm of a switch, `return`, or one side of `?` and `+` consists of.
                let isResult =
                    byte(at: index - 1).map(":{?+n".utf8.contains) == true
                    && !continues(Array("??".utf8), to: index - 1)
                if calls == 0, isResult { found.append(message(text, at: index)) }
            case .byte(let byte):
                if "([".utf8.contains(byte) { calls += 1 }
                if ")]".utf8.contains(byte) { calls -= 1 }
                if byte == UInt8(ascii: "{") { braces += 1 }
                if byte == UInt8(ascii: "}") { braces -= 1 }
            }
            index += 1
        }
        return found
    }

    private func message(_ text: String, at index: Int) -> MessageContract.Message {
        .init(
            text: text, begins: byte(at: index - 1) != UInt8(ascii: "+"),
            ends: byte(at: index + 1) != UInt8(ascii: "+"))
    }

    /// Whether the token at `index` is the last byte of `mark`, and that is no part of a longer
    /// word.
    private func ends(with mark: [UInt8], at index: Int) -> Bool {
        let start = index - mark.count + 1
        guard continues(mark, to: index) else { return false }
        guard let before = byte(at: start - 1), !wordStarts.contains(start) else { return true }
        return !(before == UInt8(ascii: "_") || UnicodeScalar(before).properties.isAlphabetic)
    }

    /// Whether the statement before the token at `index` ends with its line.
    private func endsStatement(before index: Int) -> Bool {
        lineStarts.contains(index) && byte(at: index).map("+?:.)".utf8.contains) != true
            && byte(at: index - 1).map("=+?:(".utf8.contains) != true
    }

    /// The literals of the argument or assigned value that begins at `start`, without those of calls
    /// and conditions in it.
    private func literals(
        from start: Int, isStatement: Bool = false
    ) -> [MessageContract.Message] {
        // A type: this is a declaration.
        if let first = byte(at: start), (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first) {
            return []
        }
        var found: [MessageContract.Message] = []
        var depth = 0
        for index in start..<tokens.count {
            if isStatement, depth == 0, index > start, endsStatement(before: index) { return found }
            switch tokens[index] {
            case .literal(let text):
                let isCompared = index > start && byte(at: index - 1) == UInt8(ascii: "=")
                guard depth == 0, !isCompared else { continue }
                found.append(message(text, at: index))
            case .byte(let byte):
                if "([{".utf8.contains(byte) { depth += 1 }
                if ")]}".utf8.contains(byte) { depth -= 1 }
                if depth < 0 || depth == 0 && byte == UInt8(ascii: ",") { return found }
            }
        }
        return found
    }

    private func byte(at index: Int) -> UInt8? {
        guard tokens.indices.contains(index), case .byte(let byte) = tokens[index] else {
            return nil
        }
        return byte
    }
}
