import ClientKit
import Engine
import Journal
import StepKit
import Testing

@Suite(.timeLimit(.minutes(15))) struct RunTests {
    @Test func appliesWhatIsMissingInOrderAndLeavesWhatIsInPlace() async throws {
        let bench = try Bench()
        bench.world.settle("second")
        let summary = try await bench.run()
        #expect(summary.failure == nil)
        #expect((summary.inPlace, summary.applied) == (1, 2))
        #expect(
            bench.world.calls == [
                "open", "observeLease", "preflight", "takeLease", "first.check", "first.apply", "first.verify",
                "second.check",
                "third.check",
                "third.apply", "third.verify", "releaseLease", "close",
            ])
        #expect(try bench.checkpoints() == ["first applied", "second in place", "third applied"])
        let outcome = try bench.outcome()
        #expect(outcome.result == .succeeded)
        #expect(outcome.exitCode == 0)
        #expect(outcome.error == nil)
        #expect(outcome.step == nil)
        #expect(outcome.counts["in place"] == 1)
        #expect(outcome.counts["applied"] == 2)
        #expect(outcome.run.description == summary.runID)
        try bench.expectIntact()
    }

    @Test func tellsWhatItDoesInOrder() async throws {
        let bench = try Bench()
        bench.world.settle("second")
        bench.world.on("third.verify") { $0.reporter?.says("1/2 pods ready") }
        _ = try await bench.run()
        #expect(
            bench.events.lines == [
                "run 11 began", "preflight", "preflight passed", "first 1/3", "first: applying 1 change",
                "first: verifying",
                "first applied 1", "second 2/3", "second in place", "third 3/3", "third: applying 1 change",
                "third: verifying", "third: 1/2 pods ready", "third applied 1", "run ended",
            ])
    }

    @Test func recordsARunForTheAuditor() async throws {
        let bench = try Bench()
        bench.world.settle("second")
        _ = try await bench.run()
        #expect(
            try bench.records() == [
                "run.start", "lock.observed", "preflight passed", "command.start", "command.end", "lock.taken",
                "step.start first",
                "step.check first drifted",
                "step.end first applied", "checkpoint first", "step.start second", "step.check second in place",
                "step.end second in place", "checkpoint second", "step.start third", "step.check third drifted",
                "step.end third applied", "checkpoint third", "command.start third", "command.end third",
                "lock.released third", "run.end succeeded",
            ])
        let header = try #require(try bench.newest().header().content)
        #expect(header.steps == ["first", "second", "third"])
        #expect(header.inventory.sha256 == bench.inventory.digest)
        #expect(header.runner.version == "1.0-test")
    }

    @Test func theFirstRecordOfEachProcessTellsWhy() async throws {
        let bench = try Bench()
        bench.world.on("second.apply") { visit in if visit.number == 1 { throw failure(.failed) } }
        defer { bench.world.calm() }
        let first = RunReason(ticket: "OPS-7", reason: "the certificate expires")
        _ = try await bench.runner.run(StepSelection(), why: first, in: bench.state)
        _ = try await bench.runner.resume(nil, why: RunReason(ticket: "OPS-8"), in: bench.state)
        let openings = try bench.newest().entries().compactMap { entry -> RunOpening? in
            switch entry.content {
            case .runStart(let opening), .runResume(let opening): opening
            default: nil
            }
        }
        #expect(openings.map(\.ticket) == ["OPS-7", "OPS-8"])
        #expect(openings.map(\.reason) == ["the certificate expires", nil])
        #expect(openings.allSatisfy { $0.clock != nil })
    }

    @Test func recordsTheChangesBeforeItMakesThem() async throws {
        let bench = try Bench()
        defer { bench.world.calm() }
        bench.world.on("first.apply") { _ in
            let entries = try bench.newest().entries()
            #expect(entries.suffix(2).map(\.kind) == [.stepStart, .stepCheck])
            #expect(entries.last?.step == "first")
            #expect(entries.last?.changes?.map(\.words) == ["mend first"])
            #expect(try bench.newest().checkpoints().isEmpty)
        }
        bench.world.on("second.check") { _ in
            let done = try bench.checkpoints()
            #expect(done == ["first applied"])
        }
        #expect(try await bench.run().failure == nil)
        #expect(bench.world.count("first.apply") == 1)
        #expect(bench.world.count("second.check") == 1)
    }

    @Test func aSecondRunFindsEverythingInPlace() async throws {
        let bench = try Bench()
        _ = try await bench.run()
        bench.world.forgetCalls()
        let summary = try await bench.run()
        #expect((summary.inPlace, summary.applied) == (3, 0))
        #expect(bench.world.stepCalls == ["first.check", "second.check", "third.check"])
        #expect(try bench.state.runs().count == 2)
        try bench.expectIntact()
    }

    @Test func recordsTheWarningsOfStepsInTheirOrderEvenThoseOfTheLastMoment() async throws {
        let bench = try Bench()
        let texts = (1...40).map { "beware of \($0)" }
        bench.world.on("third.verify") { visit in for text in texts { visit.reporter?.warns(text) } }
        #expect(try await bench.run().failure == nil)
        let records = try bench.newest().entries().filter { $0.kind == .warning }
        #expect(records.compactMap(\.text) == texts)
        #expect(records.allSatisfy { $0.step == "third" })
        // Before the step's end, so that no end of the run can come between.
        let end = try bench.newest().entries().first { $0.kind == .stepEnd && $0.step == "third" }
        #expect(try #require(records.last).sequence < (try #require(end)).sequence)
        #expect(bench.events.warnings == texts)
        #expect(bench.events.lines.last == "run ended")
        try bench.expectIntact()
    }

    @Test func recordsTheWarningsOfAFailedStep() async throws {
        let bench = try Bench()
        bench.world.on("first.check") { visit in
            visit.reporter?.warns("the ice is thin")
            throw failure(.failed)
        }
        #expect(try await bench.run().failure != nil)
        #expect(try bench.newest().entries().filter { $0.kind == .warning }.map(\.text) == ["the ice is thin"])
        try bench.expectIntact()
    }

    @Test func tellsAndRecordsAbsentNodes() async throws {
        let bench = try Bench()
        bench.world.absent = [AbsentNode(name: "k8s-worker-03", failure: failure(.unreachable, "no route to host"))]
        #expect(try await bench.run().failure == nil)
        #expect(bench.events.warnings == ["k8s-worker-03 does not answer: no route to host"])
        let preflight = try #require(try bench.newest().entries().first { $0.kind == .preflight })
        #expect(preflight.content == .preflight(PreflightResult(absent: ["k8s-worker-03"])))
    }

    /// The preflight tells of a node that is absent, and steps that miss it do not tell again; nor do they repeat their own words.
    @Test func aWarningIsToldAndRecordedOnce() async throws {
        let bench = try Bench()
        bench.world.absent = [AbsentNode(name: "k8s-worker-03", failure: failure(.unreachable, "no route to host"))]
        for call in ["first.check", "first.verify", "third.check"] {
            bench.world.on(call) { visit in
                visit.reporter?.warns(
                    "the firewall of k8s-worker-03 could not be looked at", about: .absentNode("k8s-worker-03"))
                visit.reporter?.warns("the ice is thin")
            }
        }
        #expect(try await bench.run().failure == nil)
        #expect(bench.events.warnings == ["k8s-worker-03 does not answer: no route to host", "the ice is thin"])
        #expect(try bench.newest().entries().filter { $0.kind == .warning }.map(\.text) == ["the ice is thin"])
    }

    @Test func tellsEveryPreflightProblemAtOnceAndAppliesNothing() async throws {
        let bench = try Bench()
        bench.world.problems = [failure(.failed, "no PostgreSQL"), failure(.refused, "wrong registry password")]
        let summary = try await bench.run()
        let error = try #require(summary.failure)
        #expect(error.message.contains("no PostgreSQL"))
        #expect(error.message.contains("wrong registry password"))
        #expect(error.exitStatus == 77)
        #expect(bench.world.calls == ["open", "observeLease", "preflight", "close"])
        #expect(try bench.outcome().result == .refused)
        #expect(try bench.outcome().exitCode == 77)
        #expect(try bench.records() == ["run.start", "lock.observed", "run.end refused"])
        try bench.expectIntact()
        #expect(try await bench.runner.resume(nil, in: bench.state) == nil)
    }

    @Test func aSiteThatCannotBeOpenedRefusesTheRun() async throws {
        let bench = try Bench()
        bench.world.on("open") { _ in throw failure(.noMaster, "no master answers") }
        let summary = try await bench.run()
        #expect(summary.failure?.exitStatus == 69)
        #expect(bench.world.calls == ["open"])
        #expect(try bench.outcome().result == .refused)
        try bench.expectIntact()
    }

    @Test func aSecondRunnerOfTheSameDirectoryIsToldWhoHoldsTheModule() async throws {
        let bench = try Bench()
        defer { bench.world.calm() }
        bench.world.on("second.apply") { _ in
            let first = try bench.newest().id
            for attempt in ["run", "resume"] {
                do {
                    _ = attempt == "run" ? try await bench.run() : try await bench.resume()
                    Issue.record("the second \(attempt) was let in")
                } catch let error as any ExplainedError {
                    #expect(error.kind == .busy)
                    #expect(error.cause.contains("run \(first)"))
                }
            }
            #expect(try bench.state.runs().count == 1)
        }
        #expect(try await bench.run().failure == nil)
        #expect(bench.world.count("second.apply") == 1)
        #expect(bench.world.count("open") == 1)
        // The lock is free again.
        #expect(try await bench.run().failure == nil)
    }

    @Test(arguments: [
        (StepSelection(), ["first", "second", "third"]), (StepSelection(from: "second"), ["second", "third"]),
        (StepSelection(until: "second"), ["first", "second"]),
        (StepSelection(from: "second", until: "second"), ["second"]),
        (StepSelection(only: ["third", "first"]), ["first", "third"]),
        (StepSelection(from: "second", only: ["third", "first"]), ["third"]),
    ]) func runsTheSelectedSteps(_ selection: StepSelection, _ expected: [String]) async throws {
        let bench = try Bench()
        #expect(try await bench.run(selection).failure == nil)
        #expect(bench.world.stepCalls.filter { $0.hasSuffix(".apply") } == expected.map { "\($0).apply" })
        #expect(try bench.newest().header().content?.steps == expected)
    }

    @Test(arguments: [
        (StepSelection(from: "fourth"), "fourth"), (StepSelection(until: "fourth"), "fourth"),
        (StepSelection(only: ["first", "fourth"]), "fourth"),
        (StepSelection(from: "third", until: "first"), "comes after"),
        (StepSelection(from: "second", only: ["first"]), "first"),
    ]) func refusesASelectionThatCannotBe(_ selection: StepSelection, _ word: String) async throws {
        let bench = try Bench()
        do {
            _ = try await bench.run(selection)
            Issue.record("it ran")
        } catch let error as StepFailure {
            #expect(error.kind == .usage)
            #expect(error.cause.contains(word))
        }
        #expect(bench.world.calls.isEmpty)
        #expect(try bench.state.runs().isEmpty)
    }
}
