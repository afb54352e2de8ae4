import ClientKit
import Foundation
import Glibc
import Journal
import Testing

@testable import RunnerCommands

/// What comes from outside, with all that a terminal obeys or hides.
private let hostile = "a\u{1B}]0;owned\u{07}\u{1B}[2J\u{08}\u{9B}31m\u{0}b\u{202E}c\u{2028}d\u{200B}e\u{7F}"
private let hidden: [Unicode.Scalar] = [
    "\u{1B}", "\u{07}", "\u{08}", "\u{9B}", "\u{0}", "\u{202E}", "\u{2028}", "\u{200B}", "\u{7F}",
]

/// A state directory with one run of one step, removed when the test ends.
private final class Sample {
    let path = NSTemporaryDirectory() + "runner-tests-\(UUID().uuidString)"
    let state: StateDirectory
    let journal: RunJournal
    let step = "fix_ufw_k8s_nodes"

    init(commands: Int = 3, output: String = "line\n", isFinished: Bool = true) async throws {
        state = try StateDirectory.prepare(path)
        let lock = try ModuleLock.acquire(module: "11", in: state)
        journal = try await RunJournal.create(
            RunDescription(
                module: "11", steps: [step], runnerVersion: "1.0", inventoryPath: "/i.json",
                inventoryDigest: "00"),
            in: state, holding: lock, redactor: Redactor())
        try await journal.beginStep(step)
        for number in 0..<commands {
            let activity = Activity(
                channel: .ssh, host: "k8s-\(hostile)", for: "look \(hostile)", command: ["echo", hostile, "\(number)"],
                effect: .change)
            try await journal.willBegin(activity)
            journal.didReceive(Array(output.utf8)[...], from: .stdout, of: activity)
            try await journal.didEnd(
                activity, ActivityOutcome(status: .unknown(hostile), duration: .milliseconds(1)))
        }
        try await journal.failStep(step, error: hostile)
        if isFinished { try await journal.finish(.failed, exitCode: 1, error: hostile, step: step) }
        try lock.release()
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: path) } catch { print("left behind: \(path): \(error)") }
    }

    /// Runs the program as a shell would; `$runner` is it.
    func run(_ command: String) throws -> (status: Int32, output: String, errors: String) {
        let process = Process()
        let output = Pipe()
        let errors = "\(path)/../stderr-\(UUID().uuidString)"
        #expect(FileManager.default.createFile(atPath: errors, contents: nil))
        defer { unlink(errors) }
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", "runner=$0; \(command)", Program.runner.file.path]
        process.environment = ["RUNNER_STATE_DIR": path, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"]
        process.standardOutput = output
        process.standardError = try FileHandle(forWritingTo: URL(filePath: errors))
        try process.run()
        let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (
            process.terminationStatus, String(decoding: bytes, as: UTF8.self),
            try String(contentsOfFile: errors, encoding: .utf8)
        )
    }

    var log: String { "\(journal.path)/audit.jsonl" }

    /// Changes one byte of a line of the log.
    func damage(line: Int) throws {
        var lines = try Data(contentsOf: URL(filePath: log)).split(
            separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        lines[line - 1][lines[line - 1].startIndex + 30] ^= 1
        try Data(lines.joined(separator: [UInt8(ascii: "\n")])).write(to: URL(filePath: log))
    }
}
@Suite(.timeLimit(.minutes(3))) struct AuditCommandTests {
    @Test(arguments: [
        "audit show", "audit show --format json", "logs", "logs --verbose", "logs --format json",
        "logs --step fix_ufw_k8s_nodes", "logs --step fix_ufw_k8s_nodes --verbose", "status", "status --all",
        "status --format json", "audit verify", "audit verify --format json",
    ]) func nothingFromOutsideReachesATerminalAsItIs(command: String) async throws {
        let sample = try await Sample(output: "out \(hostile)\n")
        let (status, output, errors) = try sample.run("$runner \(command)")
        #expect(status == 0, "\(errors)")
        for scalar in hidden {
            #expect(!output.unicodeScalars.contains(scalar), "U+\(String(scalar.value, radix: 16)): \(output)")
        }
        if command.hasPrefix("logs") || command.hasPrefix("audit show") {
            #expect(output.contains(command.contains("json") ? "\\u202e" : "\\u{202e}"))
        }
        if command.contains("json") { _ = try JSONSerialization.jsonObject(with: Data(output.utf8)) }
    }

    @Test func whatIsWrongIsToldWithoutWhatMovesACursor() async throws {
        let sample = try await Sample()
        let foreign = "\(sample.path)/runs/x\u{1B}[2J"
        try FileManager.default.createDirectory(atPath: foreign, withIntermediateDirectories: true)
        let (status, output, _) = try sample.run("$runner audit verify")
        #expect(status == 65 && output.contains("x\\u{1b}[2J: it is foreign"))
        #expect(!output.contains("\u{1B}"))
        let (again, _, errors) = try sample.run("$runner status --state-dir \"/none$(printf '\\033')[2J\"")
        #expect(again == 65 && errors.contains("/none\\u{1b}[2J") && !errors.contains("\u{1B}"))
    }

    @Test func progressLinesShowWhatStepsSayWithoutObeyingIt() throws {
        let text: TerminalText = "warning: \(hostile)"
        let painted: TerminalText = "\(text.painted(.yellow)) after"
        #expect(painted.raw.hasPrefix("\u{1B}[33mwarning: a\\u{1b}]0;owned\\u{7}"))
        #expect(painted.raw.hasSuffix("\u{1B}[0m after"))
        #expect(painted.raw.unicodeScalars.count { $0 == "\u{1B}" } == 2)
        #expect("a\tb\nc ä 🔑 • ⏎ … ✓".visible == "a\tb\nc ä 🔑 • ⏎ … ✓")
        #expect("a\r\nb\u{2028}c\u{0B}d\re".visibleOnOneLine.contains("\n") == false)
    }

    @Test(arguments: [
        "audit show", "logs", "logs --step fix_ufw_k8s_nodes", "status", "status --format json", "audit verify",
        "audit export -o $RUNNER_STATE_DIR/x.tar.gz", "steps 11",
    ]) func outputThatCannotBeWrittenIsAnError(command: String) async throws {
        let sample = try await Sample()
        let full = try sample.run("$runner \(command) >/dev/full")
        #expect(full.status == 74, "\(full)")
        #expect(full.errors.contains("error: write to standard output: No space left on device"))
        let closed = try sample.run("$runner \(command) >&-")
        #expect(closed.status == 74, "\(closed)")
        #expect(closed.errors.contains("Bad file descriptor"))
        // And nothing went into a file that got the number of the closed stream.
        #expect(try sample.run("$runner audit verify").status == 0)
    }

    @Test func aDamagedLogIsShownUpToTheDamageAndIsAnError() async throws {
        let sample = try await Sample(commands: 10)
        try sample.damage(line: 8)
        let show = try sample.run("$runner audit show")
        #expect(show.status == 65 && show.output.split(separator: "\n").count == 7)
        #expect(show.errors.contains("line 8 is damaged"))
        let json = try sample.run("$runner audit show --format json")
        #expect(json.status == 65)
        #expect(try (JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [Any])?.count == 7)
        let logs = try sample.run("$runner logs")
        #expect(logs.status == 65 && logs.output.split(separator: "\n").count == 2)
        #expect(logs.errors.contains("line 8 is damaged"))
        #expect(try sample.run("$runner audit export -o $RUNNER_STATE_DIR/x.tar.gz").status == 65)
        let verify = try sample.run("$runner audit verify")
        #expect(verify.status == 65 && verify.output.contains("audit.jsonl, line 8"))
    }

    @Test func aWholeTranscriptIsPrintedHoweverLong() async throws {
        let line = String(repeating: "x", count: 99) + "\n"
        let sample = try await Sample(commands: 1, output: String(repeating: line, count: 40_000) + "end")
        let (status, output, _) = try sample.run("$runner logs --step fix_ufw_k8s_nodes")
        #expect(status == 0)
        let lines = output.split(separator: "\n")
        #expect(lines.count == 40_000 + 4)
        #expect(lines[lines.count - 2] == "#3 out~ end")
    }

    @Test func aHeadIsTakenWithItsNumberOrAlone() async throws {
        let sample = try await Sample()
        let head = await sample.journal.head
        let run = sample.journal.id
        for known in ["\(head)", head.hash, head.hash.uppercased()] {
            let (status, _, errors) = try sample.run("$runner audit verify \(run) --expect-head \(known)")
            #expect(status == 0, "\(known): \(errors)")
        }
        let other = String(head.hash.reversed())
        #expect(try sample.run("$runner audit verify \(run) --expect-head \(other)").status == 65)
        #expect(try sample.run("$runner audit verify \(run) --expect-head 1:\(head.hash)").status == 65)
        #expect(try sample.run("$runner audit verify \(run) --expect-head 12").status == 64)
        #expect(try sample.run("$runner audit verify --expect-head \(head)").status == 64)
    }

    @Test(arguments: ["status", "status --all", "audit verify", "audit show", "audit export", "logs"])
    func aStateDirectoryThatIsNotThereIsAnError(command: String) async throws {
        let sample = try await Sample()
        let (status, output, errors) = try sample.run("$runner \(command) --state-dir /none")
        #expect(status == 65 && output.isEmpty)
        #expect(errors.contains("there is no such directory"))
    }

    @Test func followingReadsOnAndEndsWithTheRun() async throws {
        let sample = try await Sample(commands: 1, isFinished: false)
        let lock = try ModuleLock.acquire(module: "11", in: sample.state)
        try lock.assign(to: sample.journal.id)
        async let followed = { try sample.run("$runner logs --follow") }()
        for _ in 0..<2 {
            try await Task.sleep(for: .milliseconds(500))
            let activity = Activity(channel: .ssh, host: "h", for: "go on", command: ["x"], effect: .change)
            try await sample.journal.willBegin(activity)
            try await sample.journal.didEnd(
                activity, ActivityOutcome(status: .exited(0), duration: .milliseconds(1)))
        }
        try await sample.journal.finish(.failed, exitCode: 1)
        let (status, output, errors) = try await followed
        try lock.release()
        #expect(status == 0, "\(errors)")
        #expect(output.split(separator: "\n").count == 3)
    }
}
