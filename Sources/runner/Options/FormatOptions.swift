import ArgumentParser
import ClientKit
import Foundation

/// How results are printed.
struct FormatOptions: ParsableArguments {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    @Option(name: .long, help: "How to print the result: text or json.")
    var format = Format.text

    /// Prints `value` as JSON, or `text` of it, in which all that a terminal would obey or hide is
    /// made visible.
    func print(_ value: some Encodable, text: () -> String) throws {
        try print(value, lines: { "\(text())" })
    }

    /// Prints `value` as JSON, or `lines` of it.
    func print(_ value: some Encodable, lines: () -> TerminalText) throws {
        switch format {
        case .text:
            let text = lines()
            if !text.raw.isEmpty { try StandardOutput.write(text) }
        case .json: try StandardOutput.write("\(JSONOutput.string(value))")
        }
    }
}

/// JSON as every command prints it: sorted keys, ISO 8601 dates, indented.
enum JSONOutput {
    static func string(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        return String(decoding: try encoder.encode(value), as: UTF8.self).escapedWhereHidden
    }
}

extension String {
    /// JSON text with escapes for what a terminal would obey or hide; that stands in strings only.
    var escapedWhereHidden: String {
        guard unicodeScalars.contains(where: \.isHidden) else { return self }
        var escaped = ""
        for scalar in unicodeScalars {
            guard scalar.isHidden else {
                escaped.unicodeScalars.append(scalar)
                continue
            }
            for unit in String(scalar).utf16 {
                let digits = String(unit, radix: 16)
                escaped += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return escaped
    }
}
