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

    /// Prints `value` as JSON, or as `text`, in which control and invisible characters are escaped.
    func print(_ value: some Encodable, text: () -> String) throws {
        try print(value, lines: { "\(text())" })
    }

    /// Prints `value` as JSON, or as `lines`.
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
