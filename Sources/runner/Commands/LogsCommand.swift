import ArgumentParser
import ClientKit
import Foundation
import Journal
import StepKit

/// `runner logs`.
struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "List every remote command, statement and request of a run: what for, where, with what result, when.",
        discussion: """
            With --step, prints that step's transcript, output included. Argument vectors and scripts come with --verbose; \
            --format json has every field.
            """)

    @Argument(help: "The run (default: the newest).") var run: String?
    @Option(name: .long, help: "Print this step's transcript with all output.") var step: StepID?
    @Flag(name: .long, help: "Go on until the run ends.") var follow = false
    @Flag(name: .long, help: "Show the exact argument vectors, scripts and statements too.") var verbose = false
    @OptionGroup var stateOptions: StateOptions
    @OptionGroup var formatOptions: FormatOptions

    func run() async throws {
        try await reporting {
            let reader = try await stateOptions.run(run)
            let isVerbose = verbose
            if let step {
                try await printing(reader) {
                    try Self.transcript(of: step.rawValue, reader, after: $0, isVerbose: isVerbose)
                }
            } else if follow || formatOptions.format == .text {
                try await printing(reader) { printed in
                    // In the order they began; one that is still under way holds back those after it, so that none is lost.
                    let commands = try reader.commands()
                    let known = follow ? commands.firstIndex { $0.end == nil } ?? commands.endIndex : commands.endIndex
                    let lines = commands[..<known].dropFirst(printed).map {
                        CommandRecord($0).line(isVerbose: isVerbose)
                    }
                    return (lines.joined(separator: "\n"), known)
                }
            } else {
                let records = try await runBlocking { try reader.commands().map(CommandRecord.init) }
                print(try JSONOutput.string(records))
            }
        }
    }

    /// Prints what `next` gives from a position on, and with `--follow` again until the run has its outcome.
    private func printing(
        _ reader: RunReader, _ next: @escaping @Sendable (Int) throws -> (text: String, position: Int)
    ) async throws {
        var position = 0
        while true {
            let state = stateOptions.reading
            let isOver = try await runBlocking { try Self.isOver(reader, in: state) }
            let from = position
            let (text, now) = try await runBlocking { try next(from) }
            if !text.isEmpty {
                print(text)
                fflush(nil)
            }
            position = now
            guard follow, !isOver else { return }
            try await Task.sleep(for: .milliseconds(300))
        }
    }

    /// Whether nothing will be added: the run has an outcome, or its process is gone without one.
    private static func isOver(_ reader: RunReader, in state: StateDirectory) throws -> Bool {
        guard case .missing = try reader.outcome() else { return true }
        return try ModuleLock.holder(of: reader.id.module, in: state)?.run != reader.id
    }

    private static func transcript(
        of step: String, _ reader: RunReader, after: Int, isVerbose: Bool
    ) throws -> (String, Int) {
        guard try reader.transcripts().contains(step) else {
            throw StepFailure(
                "show the transcript of \(step)", cause: "run \(reader.id) has none of that name",
                remedy: "it has: \(try reader.transcripts().sorted().joined(separator: ", "))", kind: .usage)
        }
        let (lines, next) = try reader.transcript(of: step, from: after)
        let shown = isVerbose ? lines : lines.withoutCommands
        return (shown.map { "#\($0.command) \($0.kind.rawValue) \($0.text)" }.joined(separator: "\n"), next)
    }
}

extension [TranscriptLine] {
    /// The lines without the argument vectors of those commands that say what they are for.
    var withoutCommands: [TranscriptLine] {
        let explained = Set(filter { $0.kind == .purpose }.map(\.command))
        return filter { $0.kind != .command || !explained.contains($0.command) }
    }
}
