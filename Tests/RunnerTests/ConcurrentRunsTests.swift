import ClientKit
import Foundation
import Glibc
import Journal
import TestSupport
import Testing

/// Processes of `runner` that are started together, or beside a run that was cut off.
@Suite(.serialized, .timeLimit(.minutes(20))) struct ConcurrentRunsTests {
    private static let run = ["run", "11", "--new"]
    private static let resume = ["resume"]

    /// The winner has the module until it is killed; the other ends at once, and says who has it.
    @Test(arguments: [(run, run), (resume, resume), (run, resume)])
    func ofTwoThatAreStartedTogetherExactlyOneWins(first: [String], second: [String]) async throws {
        let platform = try await SilentPlatform(limit: 600)
        try await leaveUnfinishedRun(on: platform)
        var wins = [0, 0]
        let rounds = ProcessInfo.processInfo.environment["RUNNER_TORTURE"] == nil ? 20 : 50
        for round in 1...rounds {
            let before = try platform.state.runs().count
            let both = try [platform.start(first), platform.start(second)]
            defer { for one in both { one.send(SIGKILL) } }
            try await eventually("one of them ends, round \(round)") { both.contains { !$0.isRunning } }
            let loser = try #require(both.firstIndex { !$0.isRunning })
            let status = await both[loser].wait()
            let told = try both[loser].output
            #expect(status == FailureKind.busy.status, "round \(round): \(told)")
            let winner = both[1 - loser]
            #expect(winner.isRunning)
            wins[1 - loser] += 1
            for words in ["(process \(winner.pid))", " on \(Self.machine) ", ", since 20"] {
                #expect(told.contains(words), "round \(round): \(told)")
            }
            try await eventually("the winner's run has begun") {
                try ModuleLock.holder(of: "11", in: platform.state)?.run != nil
            }
            let isNew = (1 - loser == 0 ? first : second) == Self.run
            try await eventually("the winner's run is there") {
                try platform.state.runs().count == before + (isNew ? 1 : 0)
            }
            winner.end(SIGKILL)
        }
        survived(
            "`\(first[0])` and `\(second[0])` started at the same time on one machine", times: rounds,
            oracle: "exactly one wins, and the other names it and ends with 75")
        print("\(first) won \(wins[0]) times, \(second) \(wins[1]) times")
        let verified = try await platform.runner("audit", "verify", "--all")
        #expect(verified.status == 0, "\(verified.output)")
        let newest = try #require(try platform.state.newestRun()).id.description
        let both = try await platform.runner("audit", "verify", newest, "--all")
        #expect(both.status == 64 && both.output.contains("--all takes no run"), "\(both.output)")
    }

    @Test func whoWaitsGetsTheModuleWhenTheOtherEnds() async throws {
        let platform = try await SilentPlatform(limit: 20)
        let first = try platform.start(["run", "11"])
        try await eventually("the first has it") {
            try ModuleLock.holder(of: "11", in: platform.state)?.run != nil
        }
        let impatient = try platform.start(["run", "11", "--lock-wait", "1"])
        let second = try platform.start(["run", "11", "--lock-wait", "100"])
        #expect(await impatient.wait() == FailureKind.busy.status)
        #expect(try impatient.output.contains("waiting up to 1 s for it to end"))
        // No host says a word: that ends both, one after the other.
        for one in [first, second] {
            let status = await one.wait()
            let told = try one.output
            #expect(status == FailureKind.noMaster.status, "\(told)")
        }
        #expect(try second.output.contains("(process \(first.pid))"))
        #expect(try platform.state.runs().count == 2)
        #expect(try await platform.runner("audit", "verify", "--all").status == 0)
    }

    @Test func whoWaitsIsInterrupted() async throws {
        let platform = try await SilentPlatform(limit: 600)
        let first = try platform.start(["run", "11"])
        defer { first.send(SIGKILL) }
        try await eventually("the first has it") {
            try ModuleLock.holder(of: "11", in: platform.state)?.run != nil
        }
        let second = try platform.start(["run", "11", "--lock-wait", "600"])
        try await eventually("the second waits") { try second.output.contains("waiting up to") }
        kill(second.pid, SIGTERM)
        #expect(await second.wait() == 143)
    }

    @Test func besideARunThatWasCutOffAnotherIsStartedOnlyWhenAskedFor() async throws {
        let platform = try await SilentPlatform(limit: 1)
        let run = try await leaveUnfinishedRun(on: platform)
        let refused = try platform.start(["run", "11"])
        #expect(await refused.wait() == FailureKind.usage.status)
        let told = try refused.output
        for words in ["run \(run) was cut off", "`runner resume`", "--new"] {
            #expect(told.contains(words), "\(told)")
        }
        #expect(try platform.state.runs().count == 1)
        let new = try platform.start(["run", "11", "--new"])
        #expect(await new.wait() == FailureKind.noMaster.status)
        #expect(try platform.state.runs().count == 2)
    }

    /// As where the disk is full: it is the error that the operator has to deal with.
    @Test func aLockFileThatCannotBeWrittenIsNotToldBesideAnError() async throws {
        let platform = try await SilentPlatform(limit: 1)
        try await leaveUnfinishedRun(on: platform)
        let failing = "export RUNNER_FAILPOINT=lock.release:1:error"
        let refused = try platform.start(["run", "11"], after: failing)
        #expect(await refused.wait() == FailureKind.usage.status)
        #expect(refused.told.hasPrefix("error: ") && !refused.told.contains("lock file"), "\(refused.told)")
        let ended = try platform.start(["run", "11", "--new"], after: failing)
        #expect(await ended.wait() == FailureKind.noMaster.status)
        #expect(ended.told.contains("warning: the lock file could not be released"), "\(ended.told)")
    }

    @discardableResult
    private func leaveUnfinishedRun(on platform: SilentPlatform) async throws -> RunID {
        let run = try platform.start(["run", "11"])
        try await eventually("a run begins") {
            try platform.state.newestRun().map { try !$0.entries().isEmpty } ?? false
        }
        run.end(SIGKILL)
        return try #require(try platform.state.newestRun()).id
    }

    private static let machine = ProcessInfo.processInfo.hostName
}

extension FailureKind {
    /// The exit status of the README's table.
    fileprivate var status: Int32 {
        switch self {
        case .usage: 64
        case .noMaster: 69
        case .busy: 75
        default: 1
        }
    }
}
