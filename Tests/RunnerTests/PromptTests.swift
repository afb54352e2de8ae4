import Foundation
import Glibc
import Journal
import TestSupport
import Testing

/// Signals while the operator is asked for a passphrase, and while nobody reads what is told.
@Suite(.timeLimit(.minutes(20))) struct PromptTests {
    @Test(arguments: [SIGINT, SIGTERM]) func aSignalDuringThePromptEndsARunInOrder(_ number: Int32) async throws {
        let platform = try await SilentPlatform(limit: 600, passphrase: "correct horse")
        let asked = try await Asked(platform.words(for: ["run", "11"]))
        kill(asked.pid, number)
        #expect(try await asked.wait() == 128 + number)
        #expect(asked.showsWhatIsTyped)
        #expect(try platform.state.newestRun()?.outcome().content?.result == .interrupted)
        #expect(try await platform.runner("audit", "verify").status == 0)
    }

    @Test func aTimeLimitDuringThePromptEndsARunInOrder() async throws {
        let platform = try await SilentPlatform(limit: 600, passphrase: "correct horse")
        let asked = try await Asked(platform.words(for: ["run", "11", "--timeout", "60"]))
        #expect(try await asked.wait() == 124)
        #expect(asked.showsWhatIsTyped)
        #expect(try platform.state.newestRun()?.outcome().content?.result == .interrupted)
    }

    /// A command that only reads ends at once, and is no exception.
    @Test func aSignalDuringThePromptOfDoctorRestoresTheTerminal() async throws {
        let platform = try await SilentPlatform(limit: 600, passphrase: "correct horse")
        let asked = try await Asked(["doctor", "11", "--inventory", platform.inventory])
        kill(asked.pid, SIGINT)
        #expect(try await asked.wait() == 128 + SIGINT)
        #expect(asked.showsWhatIsTyped)
    }

    /// As with `runner run 11 2>&1 | less` that was left alone, and with Ctrl-S.
    @Test(arguments: [[SIGINT, SIGINT], [SIGTERM, SIGINT]])
    func aSecondSignalEndsARunWhoseOutputNobodyReads(_ signals: [Int32]) async throws {
        let platform = try await SilentPlatform(limit: 600)
        let pipe = Pipe()
        let end = pipe.fileHandleForWriting.fileDescriptor
        let flags = fcntl(end, F_GETFL)
        try #require(fcntl(end, F_SETFL, flags | O_NONBLOCK) == 0)
        while write(end, "x", 1) == 1 {}
        try #require(fcntl(end, F_SETFL, flags) == 0)
        let run = try ChildProcess(
            Program.runner.file.path, platform.words(for: ["run", "11"]), output: .file(pipe.fileHandleForWriting))
        try await eventually("its run has begun") { try platform.state.newestRun() != nil }
        for number in signals {
            run.send(number)
            // It has read the first before the second comes.
            try await eventually("it has taken the signal") {
                let file = "/proc/\(run.pid)/status"
                // The second one ends it.
                guard run.isRunning, let status = try? String(contentsOfFile: file, encoding: .utf8) else {
                    return true
                }
                let pending = status.matches(of: /(?:SigPnd|ShdPnd):\s*([0-9a-f]+)/).map(\.1)
                return pending.count == 2 && pending.allSatisfy { UInt64($0, radix: 16) == 0 }
            }
            try await Task.sleep(for: .milliseconds(300))
        }
        try await eventually("it has ended", within: .seconds(20)) { !run.isRunning }
        #expect(await run.wait() == 128 + signals[0])
        #expect(run.endingSignal == nil, "it ends in order")
        #expect(try await platform.runner("audit", "verify").status == 0)
    }
}

/// `runner` on a terminal of its own, with its standard input elsewhere, at the prompt for a passphrase.
private final class Asked {
    private let process: ChildProcess
    private let terminal: Int32

    init(_ arguments: [String]) async throws {
        var (terminal, end): (Int32, Int32) = (-1, -1)
        try #require(openpty(&terminal, &end, nil, nil, nil) == 0)
        // No other process of these tests may keep it open.
        try #require(fcntl(terminal, F_SETFD, FD_CLOEXEC) == 0 && fcntl(end, F_SETFD, FD_CLOEXEC) == 0)
        self.terminal = terminal
        let side = FileHandle(fileDescriptor: end, closeOnDealloc: true)
        // It stays the same process, which the terminal belongs to.
        process = try ChildProcess(
            "/usr/bin/setsid",
            ["--ctty", "/bin/sh", "-c", "exec \"$@\" < /dev/null", "sh", Program.runner.file.path] + arguments,
            environment: ProcessInfo.processInfo.environment.merging(["NO_COLOR": "1"]) { $1 },
            input: side, output: .file(side))
        // A session that has ended has no terminal any more, and this test still asks about it.
        try await eventually("it asks for the passphrase", within: .seconds(120)) {
            !showsWhatIsTyped || !process.isRunning
        }
        try #require(process.isRunning && tcgetsid(terminal) == pid)
    }

    /// The program's, which leads the terminal's session.
    var pid: Int32 { process.pid }

    var showsWhatIsTyped: Bool {
        var settings = termios()
        return tcgetattr(terminal, &settings) == 0 && settings.c_lflag & tcflag_t(ECHO) != 0
    }

    /// Waits for its end; the exit status.
    func wait() async throws -> Int32 {
        try await eventually("it has ended", within: .seconds(180)) { !process.isRunning }
        return await process.wait()
    }

    deinit {
        close(terminal)
    }
}
