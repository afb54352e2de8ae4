import ArgumentParser
import ClientKit
import Glibc
import Journal
import StepKit

/// `runner logs`.
struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "List every remote command, statement and request of a run, with purpose, host, result and time.",
        discussion: """
            With --step, prints that step's transcript including all output, as text only. --verbose adds \
            argument vectors and scripts; --format json has every field.
            """)

    @Argument(help: "The run (default: the newest).") var run: String?
    @Option(name: .long, help: "Print this step's transcript with all output.") var step: StepID?
    @Flag(name: .long, help: "Keep printing until the run ends.") var follow = false
    @Flag(name: .long, help: "Show the exact argument vectors, scripts and statements too.") var verbose = false
    @OptionGroup var stateOptions: StateOptions
    @OptionGroup var formatOptions: FormatOptions

    func validate() throws {
        if step != nil, formatOptions.format == .json {
            throw ValidationError("a transcript is text: --step takes no --format json; `audit show --step` does")
        }
    }

    func run() async throws {
        try await reporting {
            let reader = try await stateOptions.run(run)
            let state = try await stateOptions.existing
            let (step, isVerbose, follow, format) = (step?.rawValue, verbose, follow, formatOptions.format)
            try await runBlocking {
                var poll = try RunPoll(reader, in: state, isFollowing: follow)
                if let step {
                    try Self.printTranscript(of: step, with: &poll, isVerbose: isVerbose)
                } else {
                    // While the run continues, a command that has not ended delays the ones after
                    // it, so that none is lost.
                    var commands = try CommandReader(reader)
                    try EntryPrinter.print(as: format) {
                        try poll.next { try commands.next(isGrowing: $0, isWaiting: $1) }.map(CommandRecord.init)
                    } line: {
                        "\($0.line(isVerbose: isVerbose))"
                    } json: {
                        try JSONOutput.string($0)
                    }
                }
            }
        }
    }

    private static func printTranscript(
        of step: String, with poll: inout RunPoll, isVerbose: Bool
    ) throws {
        let run = poll.run
        guard try run.transcripts().contains(step) else {
            throw StepFailure(
                "show the transcript of \(step)", cause: "run \(run.id) has no transcript of that step",
                remedy: "choose one of \(try run.transcripts().sorted().joined(separator: ", "))", kind: .usage)
        }
        var transcript = try TranscriptReader(run, step: step)
        var filter = CommandFilter(isVerbose: isVerbose)
        while let line = try poll.next({ growing, _ in try transcript.next(isGrowing: growing) }) {
            if filter.admits(line) { try StandardOutput.write("\(line.summary)") }
        }
    }
}

/// Reads a run's files to the end, and with `--follow` until the run has ended.
struct RunPoll {
    let run: RunReader
    private let state: StateDirectory
    private let isFollowing: Bool
    private var isUnderWay: Bool

    init(_ run: RunReader, in state: StateDirectory, isFollowing: Bool) throws {
        self.run = run
        self.state = state
        self.isFollowing = isFollowing
        isUnderWay = try run.isUnderWay(in: state)
    }

    /// Returns what `read` returns.
    ///
    /// If the run is followed, waits for more, blocking the thread.
    ///
    /// - Parameter read: Is passed whether the run's files still grow, and whether to wait for
    ///   unfinished records.
    mutating func next<Value>(
        _ read: (_ isGrowing: Bool, _ isWaiting: Bool) throws -> Value?
    ) throws -> Value? {
        while true {
            if let value = try read(isUnderWay, isUnderWay && isFollowing) { return value }
            guard isUnderWay, isFollowing else { return nil }
            usleep(300_000)
            // Checked before the next read, so that nothing written before the run ends is missed.
            isUnderWay = try run.isUnderWay(in: state)
        }
    }
}

/// Omits the argument vectors of commands that have a purpose.
struct CommandFilter {
    let isVerbose: Bool
    private var explained: Set<Int> = []

    init(isVerbose: Bool) {
        self.isVerbose = isVerbose
    }

    /// Whether to show the next line of a transcript.
    mutating func admits(_ line: TranscriptLine) -> Bool {
        switch line.kind {
        case .purpose: explained.insert(line.command)
        case .end: explained.remove(line.command)
        case .command where !isVerbose: return !explained.contains(line.command)
        default: break
        }
        return true
    }
}

extension TranscriptLine {
    fileprivate var summary: String {
        kind == .foreign ? text : "#\(command) \(kind.rawValue) \(text)"
    }
}
