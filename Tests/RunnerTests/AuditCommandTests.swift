import ClientKit
import Foundation
import Glibc
import Journal
import Testing

@testable import RunnerCommands

@Suite(.timeLimit(.minutes(20))) struct AuditCommandTests {
    @Test(arguments: [
        "audit show", "audit show --format json", "logs", "logs --verbose", "logs --format json",
        "logs --step fix_ufw_k8s_nodes", "logs --step fix_ufw_k8s_nodes --verbose", "status", "status --all",
        "status --format json", "audit verify", "audit verify --format json", "audit list", "audit list --format json",
        "audit show --commands", "audit show --changes-only", "audit show --step fix_ufw_k8s_nodes",
        "audit why deployment/web", "audit why deployment/web --format json",
        "audit report",
    ]) func nothingFromOutsideReachesATerminalAsItIs(command: String) async throws {
        let sample = try await AuditSample(output: "out \(hostile)\n")
        let (status, output, errors) = try await sample.run("$runner \(command)")
        #expect(status == 0, "\(errors)")
        for scalar in hidden {
            #expect(!output.unicodeScalars.contains(scalar), "U+\(String(scalar.value, radix: 16)): \(output)")
        }
        if ["logs", "audit show", "audit why", "audit report"].contains(where: command.hasPrefix) {
            #expect(output.contains(command.contains("json") ? "\\u202e" : "\\u{202e}"))
        }
        if command.contains("json") { _ = try JSONSerialization.jsonObject(with: Data(output.utf8)) }
    }

    @Test func whatIsWrongIsToldWithoutWhatMovesACursor() async throws {
        let sample = try await AuditSample()
        let foreign = "\(sample.path)/runs/x\u{1B}[2J"
        try FileManager.default.createDirectory(atPath: foreign, withIntermediateDirectories: true)
        let (status, output, _) = try await sample.run("$runner audit verify")
        #expect(status == 65 && output.contains("x\\u{1b}[2J: it is foreign"))
        #expect(!output.contains("\u{1B}"))
        let (again, _, errors) = try await sample.run("$runner status --state-dir \"/none$(printf '\\033')[2J\"")
        #expect(again == 65 && errors.contains("/none\\u{1b}[2J") && !errors.contains("\u{1B}"))
    }

    @Test func noNameOfAFilePosesAsAVerdict() async throws {
        let sample = try await AuditSample()
        let name = "\(sample.journal.path)/x\n\(sample.journal.id): intact"
        #expect(FileManager.default.createFile(atPath: name, contents: nil))
        let (status, output, _) = try await sample.run("$runner audit verify")
        #expect(status == 65)
        #expect(output.split(separator: "\n").allSatisfy { !$0.hasSuffix(": intact") || $0.contains("⏎") }, "\(output)")
        #expect(!output.contains("\n\(sample.journal.id): intact"))
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
        "audit export -o $RUNNER_STATE_DIR/x.tar.gz", "audit list", "audit why deployment/web", "steps 11",
        "audit report",
    ]) func outputThatCannotBeWrittenIsAnError(command: String) async throws {
        let sample = try await AuditSample()
        let full = try await sample.run("$runner \(command) >/dev/full")
        #expect(full.status == 74, "\(full)")
        #expect(full.errors.contains("error: write to standard output: No space left on device"))
        let closed = try await sample.run("$runner \(command) >&-")
        #expect(closed.status == 74, "\(closed)")
        #expect(closed.errors.contains("Bad file descriptor"))
        // And nothing went into a file that got the number of the closed stream.
        #expect(try await sample.run("$runner audit verify").status == 0)
    }

    @Test func aDamagedLogIsShownUpToTheDamageAndIsAnError() async throws {
        let sample = try await AuditSample(commands: 10)
        try sample.damage(line: 8)
        let show = try await sample.run("$runner audit show")
        #expect(show.status == 65 && show.output.split(separator: "look").count == 1 + 3)
        #expect(show.output.contains("no result is recorded: the outcome is unknown"))
        #expect(show.errors.contains("line 8 is damaged"))
        let json = try await sample.run("$runner audit show --format json")
        #expect(json.status == 65)
        #expect(try (JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [Any])?.count == 7)
        let logs = try await sample.run("$runner logs")
        #expect(logs.status == 65 && logs.output.split(separator: "\n").count == 2)
        #expect(logs.errors.contains("line 8 is damaged"))
        #expect(try await sample.run("$runner audit export -o $RUNNER_STATE_DIR/x.tar.gz").status == 65)
        let verify = try await sample.run("$runner audit verify")
        #expect(verify.status == 65 && verify.output.contains("audit.jsonl, line 8"))
    }

    @Test func aWholeTranscriptIsPrintedHoweverLong() async throws {
        let line = String(repeating: "x", count: 99) + "\n"
        let sample = try await AuditSample(commands: 1, output: String(repeating: line, count: 40_000) + "end")
        let (status, output, _) = try await sample.run("$runner logs --step fix_ufw_k8s_nodes")
        #expect(status == 0)
        let lines = output.split(separator: "\n")
        #expect(lines.count == 40_000 + 4)
        #expect(lines[lines.count - 2] == "#3 out~ end")
    }

    @Test func aTranscriptIsTextAndNothingElse() async throws {
        let sample = try await AuditSample()
        let (status, output, errors) = try await sample.run("$runner logs --step fix_ufw_k8s_nodes --format json")
        #expect(status == 64 && output.isEmpty)
        #expect(errors.contains("--step takes no --format json; `audit show --step` does"), "\(errors)")
    }

    @Test func aHeadIsTakenWithItsNumberOrAlone() async throws {
        let sample = try await AuditSample()
        let head = await sample.journal.head
        let run = sample.journal.id
        for known in ["\(head)", head.hash, head.hash.uppercased()] {
            let (status, _, errors) = try await sample.run("$runner audit verify \(run) --expect-head \(known)")
            #expect(status == 0, "\(known): \(errors)")
        }
        let other = String(head.hash.reversed())
        #expect(try await sample.run("$runner audit verify \(run) --expect-head \(other)").status == 65)
        #expect(try await sample.run("$runner audit verify \(run) --expect-head 1:\(head.hash)").status == 65)
        #expect(try await sample.run("$runner audit verify \(run) --expect-head 12").status == 64)
        #expect(try await sample.run("$runner audit verify --expect-head \(head)").status == 64)
    }

    @Test(arguments: [
        "status", "status --all", "audit verify", "audit show", "audit export", "audit list", "audit why x", "logs",
        "audit report",
    ])
    func aStateDirectoryThatIsNotThereIsAnError(command: String) async throws {
        let sample = try await AuditSample()
        let (status, output, errors) = try await sample.run("$runner \(command) --state-dir /none")
        #expect(status == 65 && output.isEmpty)
        #expect(errors.contains("there is no such directory"))
    }

    @Test func followingReadsOnAndEndsWithTheRun() async throws {
        let sample = try await AuditSample(commands: 1, isFinished: false)
        let lock = try ModuleLock.acquire(module: "11", in: sample.state)
        try lock.assign(to: sample.journal.id)
        async let followed = sample.run("$runner logs --follow")
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
