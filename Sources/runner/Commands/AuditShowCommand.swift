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
                    try records.next(isGrowing: isGrowing)?.entry()
                } line: {
                    "\($0.words)"
                }
            }
        }
    }
}

/// Prints entries one by one; where the log is damaged, those before the damage, and then the error.
enum EntryPrinter {
    static func print<Entry: Encodable>(
        as format: FormatOptions.Format, next: () throws -> Entry?, line: (Entry) -> TerminalText
    ) throws {
        guard format == .json else {
            while let entry = try next() { try StandardOutput.write(line(entry)) }
            return
        }
        var list = try JSONList()
        let printing = Result { while let entry = try next() { try list.append(entry) } }
        try list.close()
        try printing.get()
    }
}

extension AuditEntry {
    fileprivate var words: String {
        var parts = ["\(sequence)", time.formatted(.iso8601), kind.rawValue]
        if let step { parts.append(step) }
        if let who { parts.append("\(who.login) as \(who.user) on \(who.machine)") }
        if let result { parts.append(result) }
        if let text { parts.append(text) }
        if let changes { parts.append(changes.joined(separator: "; ")) }
        if let command { parts.append("\(command.host): \(command.command.joined(separator: " "))") }
        if let end { parts.append("of \(end.start): \(end.outcome) \(end.value), \(end.durationMilliseconds) ms") }
        return parts.joined(separator: "  ").visibleOnOneLine
    }
}
