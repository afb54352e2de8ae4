import Foundation
import Glibc
import Journal
import TestSupport
import Testing

/// Signals and limits of the system, which the program itself gets.
@Suite(.timeLimit(.minutes(20))) struct SignalTests {
    @Test(arguments: [
        (SIGINT, "interrupted;"), (SIGTERM, "interrupted by SIGTERM;"),
        (SIGHUP, "interrupted because the terminal was closed (SIGHUP);"),
        (SIGXCPU, "interrupted at the limit of processor time, `ulimit -t` (SIGXCPU);"),
    ]) func aSignalEndsARunInOrder(_ signal: Int32, _ words: String) async throws {
        let platform = try await SilentPlatform(limit: 600)
        let run = try await platform.begin()
        defer { run.send(SIGKILL) }
        kill(run.pid, signal)
        // Again, as a shell and the kernel do when a terminal is closed, and the kernel each second.
        if signal == SIGHUP || signal == SIGXCPU { kill(run.pid, signal) }
        #expect(await run.wait() == 128 + signal)
        let outcome = try #require(try platform.state.newestRun()?.outcome().content)
        #expect(outcome.result == .interrupted && outcome.exitCode == 128 + signal)
        #expect(outcome.error?.hasPrefix(words) == true)
        #expect(try await platform.runner("audit", "verify").status == 0)
        let resumed = try platform.start(["resume", "--timeout", "3"])
        #expect(await resumed.wait() == 124)
        #expect(try platform.state.runs().count == 1)
        survived(
            "SIGINT, SIGTERM, SIGHUP or SIGXCPU during the preflight", times: 1,
            oracle: "the run ends in order with the signal's status, and is resumed")
    }

    /// Another process has stopped while it created a run, and this one waits for it.
    @Test func ctrlCEndsTheWaitForAnotherRunThatIsBeingCreated() async throws {
        let platform = try await SilentPlatform(limit: 600)
        let other = open("\(platform.state.path)/runs.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(other) }
        try #require(other >= 0 && flock(other, LOCK_EX) == 0)
        let run = try platform.start(["run", "11"])
        defer { run.send(SIGKILL) }
        try await eventually("it waits") {
            let files = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(run.pid)/fd")
            return files.contains {
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(run.pid)/fd/\($0)"))?
                    .hasSuffix("/runs.lock") == true
            }
        }
        kill(run.pid, SIGINT)
        #expect(await run.wait() == 130)
        #expect(try platform.state.runs().isEmpty)
    }

    @Test func aRunUnderNohupGoesOnWhenTheTerminalIsClosed() async throws {
        let platform = try await SilentPlatform(limit: 600)
        let run = try await platform.begin(after: "trap '' HUP")
        defer { run.send(SIGKILL) }
        kill(run.pid, SIGHUP)
        try await Task.sleep(for: .seconds(2))
        #expect(run.isRunning)
        kill(run.pid, SIGTERM)
        #expect(await run.wait() == 143)
    }

    /// The terminal itself is closed: the signal comes, and nothing can be written to it any more.
    @Test func aClosedTerminalEndsARunInOrder() async throws {
        let platform = try await SilentPlatform(limit: 600)
        var (terminal, end): (Int32, Int32) = (-1, -1)
        try #require(openpty(&terminal, &end, nil, nil, nil) == 0)
        // No other process of these tests may keep it open.
        try #require(fcntl(terminal, F_SETFD, FD_CLOEXEC) == 0 && fcntl(end, F_SETFD, FD_CLOEXEC) == 0)
        let side = FileHandle(fileDescriptor: end, closeOnDealloc: true)
        let run = try ChildProcess(
            "/usr/bin/setsid", ["--ctty", Program.runner.file.path] + platform.words(for: ["run", "11"]),
            // Lines that are drawn again would fill the terminal, which nobody reads.
            environment: ProcessInfo.processInfo.environment.merging(["NO_COLOR": "1"]) { $1 },
            input: side, output: .file(side))
        try side.close()
        try await eventually("its run has begun") {
            try platform.state.newestRun().map { try !$0.entries().isEmpty } == true
        }
        close(terminal)
        #expect(await run.wait() == 129)
        #expect(try platform.state.newestRun()?.outcome().content?.exitCode == 129)
        #expect(try await platform.runner("audit", "verify").status == 0)
        survived("the terminal is closed", times: 1, oracle: "the run ends in order with 129")
    }

    /// Where standard error is a pipe that nobody reads any more, the record is what counts.
    @Test func aReaderThatWentAwayDoesNotEndARun() async throws {
        let platform = try await SilentPlatform(limit: 1)
        let output = Pipe()
        let run = try ChildProcess(
            Program.runner.file.path, platform.words(for: ["run", "11"]), errors: .file(output.fileHandleForWriting))
        try output.fileHandleForReading.close()
        #expect(await run.wait() == 69)
        #expect(try platform.state.newestRun()?.outcome().content?.result == .refused)
    }

    /// A limit of a file's size, in blocks of 512 bytes: from where nothing can be written to where a run
    /// begins.
    @Test func aFileThatMayNotGrowIsAFullDisk() async throws {
        let platform = try await SilentPlatform(limit: 1)
        var failed = 0
        for blocks in [0, 1, 2, 3, 4, 6, 8] {
            let words = platform.words(for: ["run", "11", "--new"])
            // A pipe has no such limit.
            let pipe = Pipe()
            let run = try ChildProcess(
                "/bin/sh", ["-c", "ulimit -f \(blocks); exec \"$@\"", "sh", Program.runner.file.path] + words,
                output: .file(pipe.fileHandleForWriting))
            try pipe.fileHandleForWriting.close()
            let status = await run.wait()
            let said = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
            if status == 73 {
                failed += 1
                #expect(said.contains("(EFBIG) → raise the limit of a file's size (`ulimit -f"), "\(said)")
            } else {
                #expect(status == 69, "\(blocks): \(said)")
            }
            let verified = try await platform.runner("audit", "verify")
            #expect(verified.status == 0, "\(blocks): \(verified.output)")
        }
        #expect(failed > 2)
        survived(
            "a limit of a file's size (SIGXFSZ) from the start", times: failed,
            oracle: "status 73 with the limit's name, the record is intact, and the next run goes on")
        let next = try platform.start(["run", "11", "--new"])
        #expect(await next.wait() == 69, "\(next.told)")
    }

    @Test func aLimitThatComesInTheMiddleLosesTheOutcomeOnly() async throws {
        let platform = try await SilentPlatform(limit: 600)
        let run = try await platform.begin()
        defer { run.send(SIGKILL) }
        let limit = try await capture(
            URL(filePath: "/usr/bin/prlimit"), ["--pid", "\(run.pid)", "--fsize=0:unlimited"])
        try #require(limit.status == 0, "\(limit)")
        kill(run.pid, SIGTERM)
        #expect(await run.wait() == 143)
        #expect(try platform.state.newestRun()?.outcome().content == nil)
        #expect(try await platform.runner("audit", "verify").status == 0)
        let resumed = try platform.start(["resume", "--timeout", "3"])
        #expect(await resumed.wait() == 124, "\(resumed.told)")
        #expect(try platform.state.runs().count == 1)
    }
}
