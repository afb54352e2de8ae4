import ArgumentParser
import ClientKit
import Glibc
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
    @Flag(name: .long, help: "Keep printing until the run ends.") var follow = false
    @Flag(name: .long, help: "Show the exact argument vectors, scripts and statements too.") var verbose = false
    @OptionGroup var stateOptions: StateOptions
    @OptionGroup var formatOptions: FormatOptions

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
                    // Under way, a command that has not ended holds back those after it, so that
                    // none is lost.
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
                "show the transcript of \(step)", cause: "run \(run.id) has none of that name",
                remedy: "choose one of \(try run.transcripts().sorted().joined(separator: ", "))", kind: .usage)
        }
        var transcript = try TranscriptReader(run, step: step)
        var filter = CommandFilter(isVerbose: isVerbose)
        while let line = try poll.next({ growing, _ in try transcript.next(isGrowing: growing) }) {
            if filter.admits(line) { try StandardOutput.write("\(line.words)") }
        }
    }
}

/// Reads a run's files to their end, and with `--follow` on until the run is over.
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
    /// Where the run is followed, waits for it, and blocks the thread.
    ///
    /// - Parameter read: Told whether the run's files grow, and whether what is unfinished is
    ///   waited for.
    mutating func next<Value>(
        _ read: (_ isGrowing: Bool, _ isWaiting: Bool) throws -> Value?
    ) throws -> Value? {
        while true {
            if let value = try read(isUnderWay, isUnderWay && isFollowing) { return value }
            guard isUnderWay, isFollowing else { return nil }
            usleep(300_000)
            // Asked before the next read, so that nothing written before the run ends is missed.
            isUnderWay = try run.isUnderWay(in: state)
        }
    }
}

/// Leaves out the argument vectors of those commands that say what they are for.
struct CommandFilter {
    let isVerbose: Bool
    private var explained: Set<Int> = []

    init(isVerbose: Bool) {
        self.isVerbose = isVerbose
    }

    /// Whether the next line of a transcript is to be shown.
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
    fileprivate var words: String {
        kind == .foreign ? text : "#\(command) \(kind.rawValue) \(text)"
    }
}
