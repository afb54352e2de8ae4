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
        let entries = try await reporting {
            let reader = try await stateOptions.run(run)
            return try await runBlocking { try reader.entries() }
        }
        try formatOptions.print(entries) { entries.map(\.words).joined(separator: "\n") }
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
        return parts.joined(separator: "  ").split(whereSeparator: \.isNewline).joined(separator: " ⏎ ")
    }
}
