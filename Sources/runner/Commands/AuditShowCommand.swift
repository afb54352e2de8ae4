import ArgumentParser
import ClientKit
import Foundation
import Journal

/// `runner audit show`.
struct AuditShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show who did what, where, when, with what result.")

    @Argument(help: "The run (default: the newest).") var run: String?
    @OptionGroup var stateOptions: StateOptions
    @OptionGroup var formatOptions: FormatOptions

    func run() async throws {
        try await reporting {
            let reader = try await stateOptions.run(run)
            let state = try await stateOptions.existing
            let format = formatOptions.format
            try await runBlocking {
                let isGrowing = try reader.isUnderWay(in: state)
                let records = try reader.records()
                try EntryPrinter.print(as: format) {
                    try records.next(isGrowing: isGrowing)
                } line: {
                    "\(try $0.entry().words)"
                } json: {
                    String(decoding: $0.bytes, as: UTF8.self)
                }
            }
        }
    }
}

/// Prints entries one by one; where the log is damaged, those before the damage, and then the error.
enum EntryPrinter {
    static func print<Entry>(
        as format: FormatOptions.Format, next: () throws -> Entry?, line: (Entry) throws -> TerminalText,
        json: (Entry) throws -> String
    ) throws {
        guard format == .json else {
            while let entry = try next() { try StandardOutput.write(line(entry)) }
            return
        }
        var list = try JSONList()
        let printing = Result { while let entry = try next() { try list.append(json: json(entry)) } }
        try list.close()
        try printing.get()
    }
}

extension AuditEntry {
    fileprivate var words: String {
        var parts = ["\(sequence)", time.formatted(.iso8601), kind.rawValue]
        if let step { parts.append(step) }
        if case .runStart(let opening) = content { parts.append(opening.who.words) }
        if case .runResume(let opening) = content { parts.append(opening.who.words) }
        if let result { parts.append(result) }
        if let text { parts.append(text) }
        if let changes { parts.append(changes.map(\.words).joined(separator: "; ")) }
        if case .commandStart(let command) = content {
            parts.append("\(command.host): \(command.command.joined(separator: " "))")
        }
        if case .commandEnd(let end) = content {
            parts.append("of \(end.start): \(end.outcome) \(end.value), \(end.durationMilliseconds) ms")
        }
        return parts.joined(separator: "  ").visibleOnOneLine
    }
}

extension Origin {
    /// `alice as root on install-01`.
    fileprivate var words: String { "\(login) as \(user) on \(machine)" }
}
