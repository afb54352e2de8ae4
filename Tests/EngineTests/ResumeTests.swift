import ClientKit
import Engine
import Foundation
import Journal
import StepKit
import Testing

@Suite(.timeLimit(.minutes(15))) struct ResumeTests {
    @Test func thereIsNothingToResumeWithoutAnUnfinishedRun() async throws {
        let bench = try Bench()
        #expect(try await bench.runner.resume(nil, in: bench.state) == nil)
        _ = try await bench.run()
        bench.world.forgetCalls()
        #expect(try await bench.runner.resume(nil, in: bench.state) == nil)
        #expect(bench.world.calls.isEmpty)
    }

    @Test func looksAtFinishedStepsAndGoesOnWithTheFirstThatIsNotInPlace() async throws {
        let bench = try await Self.failedInSecond()
        let summary = try await bench.resume()
        #expect(summary.failure == nil)
        #expect((summary.inPlace, summary.applied) == (1, 2))
        #expect(
            bench.world.stepCalls == [
                "first.check", "second.check", "second.apply", "second.verify", "third.check", "third.apply",
                "third.verify",
            ])
        #expect(try bench.state.runs().count == 1)
        #expect(try bench.checkpoints() == ["first applied", "second applied", "third applied"])
        #expect(try bench.newest().entries().count { $0.kind == .checkpoint && $0.step == "first" } == 1)
        #expect(try bench.outcome().result == .succeeded)
        #expect(try bench.newest().earlierOutcomes().compactMap(\.content?.result) == [.failed])
        #expect(bench.events.lines.contains("run 11 resumed"))
        try bench.expectIntact()
    }

    @Test func aFinishedStepThatDriftedIsDoneAgainWithANewCheckpoint() async throws {
        let bench = try await Self.failedInSecond()
        defer { bench.world.calm() }
        bench.world.unsettle("first")
        bench.world.on("first.apply") { _ in
            let left = try bench.checkpoints()
            #expect(left.isEmpty)
        }
        #expect(try await bench.resume().failure == nil)
        #expect(bench.world.count("first.apply") == 1)
        #expect(try bench.checkpoints() == ["first applied", "second applied", "third applied"])
        let records = try bench.newest().entries()
        let withdrawn = try #require(records.firstIndex { $0.kind == .checkpointWithdrawn })
        #expect(records[withdrawn].step == "first")
        #expect(records[withdrawn].text == "mend first")
        #expect(records[withdrawn...].contains { $0.kind == .checkpoint && $0.step == "first" })
        try bench.expectIntact()
    }

    @Test func onlyTheSelectedStepsAreResumed() async throws {
        let bench = try Bench()
        bench.world.on("second.apply") { _ in throw failure(.failed) }
        _ = try await bench.run(StepSelection(from: "second", until: "second"))
        bench.world.calm("second.apply")
        bench.world.forgetCalls()
        #expect(try await bench.resume().failure == nil)
        #expect(bench.world.stepCalls == ["second.check", "second.apply", "second.verify"])
    }

    @Test func aRunThatIsRefusedWhileResumingStaysTheOneToResume() async throws {
        let bench = try await Self.failedInSecond()
        bench.world.problems = [failure(.failed, "no Redis")]
        #expect(try await bench.resume().failure != nil)
        #expect(try bench.outcome().result == .refused)
        bench.world.problems = []
        #expect(try await bench.resume().failure == nil)
        #expect(try bench.newest().earlierOutcomes().compactMap(\.content?.result) == [.failed, .refused])
        try bench.expectIntact()
    }

    @Test func refusesAnotherModulesRun() async throws {
        let bench = try await Self.failedInSecond()
        let id = try bench.newest().id
        var other = bench
        other.module = 12
        let error = try await Self.refusal(other, id)
        #expect(error.cause.contains("module 11"))
        #expect(try await other.runner.resume(nil, in: other.state) == nil)
    }

    @Test func refusesARunWithAStepThatThisVersionLacks() async throws {
        var bench = try await Self.failedInSecond()
        bench.steps = ["first", "second"]
        let error = try await Self.refusal(bench)
        #expect(error.cause.contains("third"))
        #expect(error.cause.contains("1.0-test"))
    }

    @Test func refusesARunThatSucceeded() async throws {
        let bench = try Bench()
        _ = try await bench.run()
        bench.world.forgetCalls()
        let error = try await Self.refusal(bench, try bench.newest().id)
        #expect(error.cause.contains("nothing to resume"))
    }

    @Test func refusesARunThatIsNotThere() async throws {
        let bench = try Bench()
        let id = try #require(RunID("20260101T000000Z-11-0abc"))
        let error = try await Self.refusal(bench, id)
        #expect(error.cause.contains(bench.state.path))
    }

    enum Damage: CaseIterable {
        case cut, edited, emptied

        func done(to bytes: [UInt8]) -> [UInt8] {
            switch self {
            case .cut: Array(bytes.prefix(bytes.count / 2))
            case .edited: bytes.map { $0 == UInt8(ascii: "f") ? UInt8(ascii: "g") : $0 }
            case .emptied: []
            }
        }
    }

    @Test(arguments: Damage.allCases) func aDamagedCheckpointDoesNotCountAndIsTold(_ damage: Damage) async throws {
        let bench = try await Bench.killedInSecond()
        let file = "\(try bench.newest().path)/checkpoints/first.json"
        try Self.rewrite(file, damage.done)
        let summary = try await bench.resume()
        #expect(summary.failure == nil)
        #expect(bench.events.warnings.contains { $0.hasPrefix("the checkpoint of first is ignored: ") })
        #expect(try bench.records().contains("checkpoint.withdrawn first"))
        // In place all the same, and finished anew.
        #expect(bench.world.stepCalls.filter { $0.hasPrefix("first") } == ["first.check"])
        #expect(try bench.checkpoints() == ["first in place", "second applied", "third applied"])
        try bench.expectIntact()
    }

    @Test func theTornEndOfALogIsKeptAsideAndTold() async throws {
        let bench = try await Bench.killedInSecond()
        let log = "\(try bench.newest().path)/audit.jsonl"
        let torn = Array(#"{"v":1,"seq":9,"kind":"st"#.utf8)
        try Self.rewrite(log) { $0 + torn }
        #expect(try await bench.resume().failure == nil)
        let warning = try #require(bench.events.warnings.first { $0.contains("cut off by a crash") })
        #expect(warning.contains("\(torn.count) bytes"))
        #expect(try bench.records().contains { $0.hasPrefix("torn-tail") })
        try bench.expectIntact()
    }

    @Test func aLogWithABadLineInItsMiddleIsRefused() async throws {
        let bench = try await Bench.killedInSecond()
        let log = "\(try bench.newest().path)/audit.jsonl"
        try Self.rewrite(log) { bytes in
            var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            lines[2] = lines[2].dropLast(4)
            return Array(lines.joined(separator: [UInt8(ascii: "\n")]))
        }
        do {
            _ = try await bench.resume()
            Issue.record("it was resumed")
        } catch let error as JournalError {
            #expect(error.kind == .badInput)
            #expect(error.line == 3)
        }
        #expect(bench.world.calls.isEmpty)
    }

    @Test func anEditedHeaderIsRefused() async throws {
        let bench = try await Bench.killedInSecond()
        try Self.rewrite("\(try bench.newest().path)/run.json") { bytes in
            Array(String(decoding: bytes, as: UTF8.self).replacing("third", with: "thirt").utf8)
        }
        let error = try await Self.refusal(bench)
        #expect(error.cause.contains("run.json"))
    }

    @Test func aCommandWithoutAResultIsTold() async throws {
        // Its start is recorded, its end is not: what a process leaves that dies while it waits for the answer.
        let crashed = try await Self.diedWaiting()
        #expect(try await crashed.resume().failure == nil)
        let commands = try crashed.newest().commands()
        let sent = try #require(commands.first { $0.start.command.first == "ufw" }).time
        #expect(
            crashed.events.warnings == [
                "the outcome of `ufw --force disable` on k8s-worker-01, sent \(sent.formatted(.iso8601)), is unknown, "
                    + "and it may still be running there; the step's check decides"
            ])
        try crashed.expectIntact()
    }

    /// A run whose second step failed once, and would not again.
    private static func failedInSecond() async throws -> Bench {
        let bench = try Bench()
        bench.world.on("second.apply") { _ in throw failure(.failed) }
        let summary = try await bench.run()
        try #require(summary.failure != nil)
        bench.world.calm("second.apply")
        bench.world.forgetCalls()
        return bench
    }

    /// What a process leaves that was killed while a command of the first step was under way.
    private static func diedWaiting() async throws -> Bench {
        let bench = try Bench()
        let left = Box<Bench>()
        bench.world.on("first.apply") { _ in left.value = try bench.crashed() }
        _ = try await bench.run()
        bench.world.calm("first.apply")
        bench.world.forgetCalls()
        let crashed = try #require(left.value)
        let journal = try await RunJournal.reopen(
            try crashed.newest(), in: crashed.state,
            by: RunProcess(runnerVersion: "1.0-test", inventoryPath: "/i.json", inventoryDigest: "00"),
            redactor: Redactor()
        ).journal
        try await journal.willBegin(
            Activity(channel: .ssh, host: "k8s-worker-01", command: ["ufw", "--force", "disable"], effect: .change))
        return crashed
    }

    /// What resuming says, which must touch nothing.
    private static func refusal(_ bench: Bench, _ id: RunID? = nil) async throws -> StepFailure {
        do {
            _ = try await bench.runner.resume(id, in: bench.state)
        } catch let error as StepFailure {
            #expect(error.kind == .badInput)
            #expect(bench.world.calls.isEmpty)
            return error
        }
        throw Late(what: "a refusal")
    }

    private static func rewrite(_ path: String, _ change: ([UInt8]) -> [UInt8]) throws {
        let file = URL(filePath: path)
        let before = [UInt8](try Data(contentsOf: file))
        let after = change(before)
        try #require(before != after)
        try Data(after).write(to: file)
    }
}
