import ArgumentParser
import ClientKit
import Foundation
import Journal
import StepKit
import Steps

/// `runner steps`.
struct StepsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "steps", abstract: "List a module's steps in their order, one a line.")

    @Argument(help: "The module's number.") var module = 11
    @OptionGroup var formatOptions: FormatOptions

    func run() async throws {
        let module = try await reporting { try StepKit.Module.named(self.module) }
        let rows = module.steps.map { Row(step: $0.id.rawValue, summary: $0.summary) }
        let width = rows.map(\.step.count).max() ?? 0
        let lines = rows.map { $0.step.padding(toLength: width + 2, withPad: " ", startingAt: 0) + $0.summary }
        try formatOptions.print(rows) { lines.joined(separator: "\n") + "\n\n" + module.orderNote }
    }

    private struct Row: Encodable {
        let step: String
        let summary: String
    }
}

/// `runner status`.
struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show where a run stands, step by step.")

    @Argument(help: "The run (default: the newest).") var run: String?
    @Flag(name: .long, help: "List all runs instead.") var all = false
    @OptionGroup var stateOptions: StateOptions
    @OptionGroup var formatOptions: FormatOptions

    func run() async throws {
        let state = stateOptions.reading
        if all {
            let records = try await reporting {
                try await runBlocking { try state.runs().map { try RunStatus($0, in: state) } }
            }
            return try formatOptions.print(records) { records.map(\.line).joined(separator: "\n") }
        }
        let record = try await reporting {
            let reader = try await stateOptions.run(run)
            return try await runBlocking { try RunStatus(reader, in: state) }
        }
        let lines = record.steps.map { "  \($0.mark) \($0.step)  \($0.state)" }
        let error = record.error.map { ["  \($0)"] } ?? []
        try formatOptions.print(record) { ([record.line] + lines + error).joined(separator: "\n") }
    }
}

/// Where a run stands, as far as its files say.
private struct RunStatus: Encodable, Sendable {
    struct Step: Encodable, Sendable {
        let step: String
        let state: String

        var mark: String {
            switch state {
            case "applied", "in place": "✓"
            case "not finished": "·"
            default: "!"
            }
        }
    }

    let run: String
    let started: Date?
    let state: String
    let error: String?
    let steps: [Step]

    init(_ reader: RunReader, in directory: StateDirectory) throws {
        run = reader.id.description
        let header = try reader.header().content
        started = header?.started
        let outcome = try reader.outcome()
        switch outcome {
        case .whole(let outcome):
            state = outcome.result.rawValue
            error = outcome.error
        case .damaged(let why):
            (state, error) = ("damaged", "outcome.json: \(why)")
        case .missing:
            let holder = try ModuleLock.holder(of: reader.id.module, in: directory)
            state = holder?.run == reader.id ? "running" : "cut off"
            error = nil
        }
        let checkpoints = try reader.checkpoints()
        steps = (header?.steps ?? []).map { step in
            let state =
                switch checkpoints[step] ?? .missing {
                case .whole(let checkpoint): checkpoint.completion.rawValue
                case .damaged(let why): "damaged checkpoint: \(why)"
                case .missing: "not finished"
                }
            return Step(step: step, state: state)
        }
    }

    var line: String { "\(run)  \(state)  \(started.map { $0.formatted(.iso8601) } ?? "run.json missing or edited")" }
}

/// `runner logs`.
struct Logs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
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

/// One line of `runner logs`.
struct CommandRecord: Encodable {
    let time: Date
    let purpose: String?
    let step: String?
    let host: String
    let command: [String]
    let effect: String
    let outcome: String
    let milliseconds: Int?

    init(_ command: RecordedCommand) {
        time = command.time
        purpose = command.start.purpose
        step = command.step
        host = command.start.host
        self.command = command.start.command
        effect = command.start.effect.rawValue
        outcome = command.end.map { "\($0.outcome) \($0.value)" } ?? "unknown"
        milliseconds = command.end?.durationMilliseconds
    }

    /// All that is known without the command itself of what it was for.
    private var program: String {
        let first = command.first?.prefix { $0 != " " && !$0.isNewline } ?? "nothing"
        return ["sh", "bash"].contains(first) ? "run a script" : "run \(first)"
    }

    /// What it was for, where and with what result; the exact command with `isVerbose`.
    func line(isVerbose: Bool) -> String {
        let words = command.joined(separator: " ").split(whereSeparator: \.isNewline).joined(separator: " ⏎ ")
        let facts =
            "\(host)  \(step ?? "-")  \(effect)  \(outcome)  \(milliseconds.map { "\($0) ms" } ?? "-")  "
            + time.formatted(.iso8601)
        return "\(purpose ?? program)  \(facts)" + (isVerbose ? "  \(words)" : "")
    }
}
