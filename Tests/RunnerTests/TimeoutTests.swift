import Foundation
import Glibc
import Journal
import TestSupport
import Testing

/// `--timeout`: the inventory's limits still apply, and the error says which of them ended the command.
@Suite(.timeLimit(.minutes(20))) struct TimeoutTests {
    @Test func aRunOutOfTimeIsStoppedInOrderAndResumed() async throws {
        let platform = try await SilentPlatform(limit: 600)
        let run = try platform.start(["run", "11", "--timeout", "15s"])
        #expect(await run.wait() == 124)
        #expect(run.told.contains("interrupted after the 15 s of --timeout"), "\(run.told)")
        let first = try #require(try platform.state.newestRun())
        let outcome = try #require(try first.outcome().content)
        #expect(outcome.result == .interrupted && outcome.exitCode == 124)
        #expect(
            outcome.error
                == "interrupted after the 15 s of --timeout; `runner resume` continues where it stopped")
        let resumed = try platform.start(["resume", "--timeout=15"])
        #expect(await resumed.wait() == 124)
        #expect(try platform.state.runs().map(\.id) == [first.id])
        #expect(try first.earlierOutcomes().count == 1)
        #expect(try await platform.runner("audit", "verify").status == 0)
    }

    @Test func theLimitOfTheInventoryIsNamedWhereItIsTheShorterOne() async throws {
        let platform = try await SilentPlatform(limit: 1)
        let run = try platform.start(["run", "11", "--timeout", "5m"])
        #expect(await run.wait() == 69)
        #expect(!run.told.contains("--timeout"), "\(run.told)")
        #expect(run.told.contains("within 1 s (limits.connect)"), "\(run.told)")
    }

    @Test func itHoldsWhileAnotherRunHasTheModule() async throws {
        let platform = try await SilentPlatform(limit: 600)
        let first = try await platform.begin()
        defer { first.send(SIGKILL) }
        let second = try platform.start(["run", "11", "--lock-wait", "600", "--timeout", "15"])
        #expect(await second.wait() == 124)
        let told = second.told
        #expect(told.contains("(process \(first.pid))"), "\(told)")
        #expect(told.contains("run module 11: it did not finish within the 15 s of --timeout → "), "\(told)")
        #expect(try platform.state.runs().count == 1)
    }

    @Test(arguments: ["plan", "doctor"]) func whatOnlyReadsEndsWithIt(_ command: String) async throws {
        let platform = try await SilentPlatform(limit: 600)
        let ended = try platform.examine([command, "11", "--timeout", "15s"])
        #expect(await ended.wait() == 124)
        #expect(ended.told.contains("it did not finish within the 15 s of --timeout"), "\(ended.told)")
        // Half of an answer would be taken for a whole one.
        #expect(!ended.told.contains("failed"), "\(ended.told)")
    }

    /// A file that nobody can stop reading.
    ///
    /// What is not done is left, since every moment of a run can be its last. How long the stop is tried, the inventory
    /// says.
    @Test func aProcessThatCannotStopIsEnded() async throws {
        let platform = try await SilentPlatform(limit: 600, others: ["agent": 1, "stop": 3])
        let plan = platform.folder.appending(path: "plan.json").path
        try #require(mkfifo(plan, 0o600) == 0)
        let run = try platform.start(["run", "11", "--plan", plan, "--timeout", "15"])
        let began = ContinuousClock.now
        #expect(await run.wait() == 124)
        #expect(.now - began < .seconds(50), "that of the program is a minute")
        #expect(run.told.contains("it did not stop within 3 s (limits.stop) after the 15 s of --timeout"))
    }

    @Test(arguments: ["0", "-1", "1.5", "5d", "m", "", "1m1h", "1m1m", "24h1s", "99999999999999999999s", "١s"])
    func whatIsNoDurationIsWrongUsage(_ text: String) async throws {
        let told = try await Program.runner.run(["plan", "11", "--timeout=\(text)"])
        #expect(told.status == 64 && told.output.contains("--timeout"), "\(told)")
    }

    @Test(arguments: ["1", "90s", "15m", "1h30m", "1h0m5s", "24h"]) func whatIsOneIsTaken(_ text: String) async throws {
        let told = try await Program.runner.run(
            ["plan", "11", "--timeout", text, "--inventory", "/nowhere/inventory.json"])
        #expect(told.status == 65, "\(told)")
    }

    @Test(arguments: ["0", "0s", "60", "90s", "15m", "1h30m", "24h", "86400"])
    func howLongToWaitForTheModuleIsWrittenLikewise(_ text: String) async throws {
        let told = try await Program.runner.run(
            ["run", "11", "--lock-wait", text, "--inventory", "/nowhere/inventory.json"])
        #expect(told.status == 65, "\(told)")
    }

    @Test(arguments: ["-1", "1.5", "5d", "m", "", "86401", "24h1s"])
    func whatIsNoDurationIsNoTimeToWait(_ text: String) async throws {
        let told = try await Program.runner.run(["resume", "--lock-wait=\(text)"])
        #expect(told.status == 64 && told.output.contains("--lock-wait"), "\(told)")
    }
}
