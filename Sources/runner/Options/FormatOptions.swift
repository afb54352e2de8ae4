import ArgumentParser
import Foundation

/// How results are printed.
struct FormatOptions: ParsableArguments {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    @Option(name: .long, help: "How to print the result: text or json.")
    var format = Format.text

    /// Prints `value` as JSON, or `text` of it.
    func print(_ value: some Encodable, text: () -> String) throws {
        switch format {
        case .text:
            let text = text()
            if !text.isEmpty { Swift.print(text) }
        case .json: Swift.print(try JSONOutput.string(value))
        }
    }
}

/// JSON as every command prints it: sorted keys, ISO 8601 dates, indented.
enum JSONOutput {
    static func string(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
