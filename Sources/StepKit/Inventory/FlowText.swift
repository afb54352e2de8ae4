/// JSON text, rewritten so that a YAML parser reads the same values, with every token at its
/// original position.
///
/// - An object `{ "a": 1 }` becomes `[ "a": 1 ]`, in YAML a list of pairs: unlike a mapping it
///   keeps a key that occurs twice, so that both positions can be reported. Only `{ }` is kept, to
///   distinguish it from `[ ]`.
/// - Tabs between tokens become spaces: YAML rejects a leading tab.
/// - A pair of surrogate escapes becomes YAML's single escape for the character; the line is padded
///   with spaces after the closing quote, so that columns do not shift.
///
/// Rejects what Foundation accepts although it is not JSON (a comma before a closing bracket), what
/// YAML would silently fold into a space or reject without a position, and nesting that could
/// exhaust the stack.
struct FlowText {
    private(set) var yaml = ""

    private static let deepest = 32
    private let scalars: [Unicode.Scalar]
    private var index = 0
    private var position = TextPosition.start
    private var depth = 0
    private var comma: TextPosition?

    /// Rewrites `json`, which Foundation has accepted.
    init(json: String) throws(InventoryProblem) {
        scalars = Array(json.unicodeScalars)
        if scalars.first == "\u{FEFF}" {
            index = 1
        }
        while index < scalars.count {
            try takeToken()
        }
    }

    private mutating func takeToken() throws(InventoryProblem) {
        switch scalars[index] {
        case "\"":
            comma = nil
            try takeString()
        case "{" where isEmptyObject:
            comma = nil
            emit("{")
            while scalars[index] != "}" {
                emit(scalars[index] == "\t" ? " " : scalars[index])
            }
            emit("}")
        case "{", "[":
            comma = nil
            depth += 1
            guard depth <= Self.deepest else {
                throw InventoryProblem(at: position, "is nested deeper than \(Self.deepest) levels")
            }
            emit("[")
        case "}", "]":
            if let comma {
                throw InventoryProblem(at: comma, "is not JSON: comma before a closing bracket")
            }
            depth -= 1
            emit("]")
        case ",":
            comma = position
            emit(",")
        case "\t": emit(" ")
        case " ", "\n", "\r": emit(scalars[index])
        case let other:
            comma = nil
            emit(other)
        }
    }

    private var isEmptyObject: Bool {
        scalars[(index + 1)...].first { !" \t\r\n".unicodeScalars.contains($0) } == "}"
    }

    private mutating func takeString() throws(InventoryProblem) {
        var saved = 0
        emit("\"")
        while index < scalars.count, scalars[index] != "\"" {
            let scalar = scalars[index]
            if scalar == "\\", let pair = surrogatePair {
                yaml += "\\U" + pair
                skip(12)
                saved += 12 - 10
            } else if scalar == "\\" {
                emit(scalar)
                emit(scalars[index])
            } else if Self.isInvisible(scalar) {
                let code = hexadecimal(scalar.value, digits: 4)
                throw InventoryProblem(
                    at: position, "contains the invisible character U+\(code); write it as \\u\(code) if it is meant")
            } else {
                emit(scalar)
            }
        }
        emit("\"")
        yaml += String(repeating: " ", count: saved)
    }

    /// The eight digits of the character that `\uD83D\uDE00` or the like at `index` stands for.
    private var surrogatePair: String? {
        guard index + 12 <= scalars.count else {
            return nil
        }
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars[index..<index + 12])
        guard
            let match = String(text).wholeMatch(of: /\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})/),
            let high = UInt32(match.1, radix: 16), let low = UInt32(match.2, radix: 16)
        else {
            return nil
        }
        return hexadecimal(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00), digits: 8)
    }

    /// Characters that JSON allows in a string, and that YAML rejects or treats as a line break.
    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x7F...0x9F, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF: true
        default: false
        }
    }

    /// Writes `scalar` instead of the one at `index`, and advances.
    private mutating func emit(_ scalar: Unicode.Scalar) {
        yaml.unicodeScalars.append(scalar)
        skip(1)
    }

    private mutating func skip(_ count: Int) {
        for _ in 0..<count {
            position.advance(over: scalars[index], after: index > 0 ? scalars[index - 1] : nil)
            index += 1
        }
    }
}
