import ArgumentParser
import ClientKit
import Foundation
import Journal
import StepKit

/// `runner audit`.
struct Audit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Verify, show or export a run's audit log.",
        subcommands: [AuditVerify.self, AuditShow.self, AuditExport.self])
}

/// `runner audit verify`.
struct AuditVerify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Prove that nobody edited, removed, moved or cut a record; names the line if somebody did.")

    @Argument(help: "The run (default: all runs).") var run: String?
    @Option(name: .long, help: "A head known from elsewhere, as NUMBER:HASH, that the log must contain.")
    var expectHead: String?
    @OptionGroup var stateOptions: StateOptions
    @OptionGroup var formatOptions: FormatOptions

    func run() async throws {
        let reports = try await reporting {
            let state = stateOptions.reading
            let anchors = try expectHead.map { text in
                guard let head = AuditHead(text) else { throw ValidationError("--expect-head wants NUMBER:HASH") }
                return [AuditAnchor(head, source: "--expect-head")]
            }
            if anchors != nil, run == nil { throw ValidationError("--expect-head needs a run") }
            let readers = try await run == nil ? runBlocking { try state.runs() } : [stateOptions.run(run)]
            return try await runBlocking {
                try readers.map { try AuditVerifier(state).verify($0, anchors: anchors ?? []) }
            }
        }
        try formatOptions.print(reports) {
            reports.isEmpty ? "no runs" : reports.map(\.words).joined(separator: "\n")
        }
        if !reports.allSatisfy(\.isIntact) { throw ExitCode(65) }
    }
}

extension AuditReport {
    fileprivate var words: String {
        guard isIntact else { return "\(run): NOT INTACT\n" + findings.map { "  \($0)" }.joined(separator: "\n") }
        let limit = anchoredUpTo < lines ? ", vouched for up to line \(anchoredUpTo)" : ""
        return "\(run): intact, \(lines) records, head \(head)\(limit)"
    }
}

/// `runner audit show`.
struct AuditShow: AsyncParsableCommand {
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

/// `runner audit export`.
struct AuditExport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Print a run's audit log byte for byte, one JSON record a line.")

    @Argument(help: "The run (default: the newest).") var run: String?
    @OptionGroup var stateOptions: StateOptions

    func run() async throws {
        try await reporting {
            let reader = try await stateOptions.run(run)
            let bytes = try await runBlocking { try Data(contentsOf: URL(filePath: "\(reader.path)/audit.jsonl")) }
            try FileHandle.standardOutput.write(contentsOf: bytes)
        }
    }
}
