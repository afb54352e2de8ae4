import ClientKit
import Engine
import Foundation
import Journal
import StepKit
import Testing

@Suite(.timeLimit(.minutes(15))) struct PlanTests {
    @Test func tellsEveryChangeWithItsCertaintyAndWritesNothing() async throws {
        let bench = try Bench()
        let changes = [Change("create database", .proved), Change("load schema", .knownAfterApply)]
        bench.world.finds(changes, in: "first")
        bench.world.finds([Change("roll out", .predicted)], in: "third")
        bench.world.settle("second")
        let plan = try await bench.plan()
        #expect(plan.steps.map(\.step) == ["first", "second", "third"])
        #expect(plan.steps.map(\.changes) == [changes, [], [Change("roll out", .predicted)]])
        #expect(!plan.isEmpty)
        #expect(bench.world.calls == ["open", "preflight", "first.check", "second.check", "third.check", "close"])
        #expect(try bench.state.runs().isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.state.path).sorted() == ["reserve", "runs"])
    }

    @Test func isEmptyWhereEverythingIsInPlace() async throws {
        let bench = try Bench()
        for step in bench.steps { bench.world.settle(step) }
        #expect(try await bench.plan().isEmpty)
    }

    @Test func printsCertaintyInWords() async throws {
        let bench = try Bench()
        bench.world.finds([Change("load schema", .knownAfterApply)], in: "first")
        bench.world.settle("second")
        bench.world.settle("third")
        let plan = try await bench.plan()
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        #expect(
            String(decoding: try encoder.encode(plan.steps), as: UTF8.self)
                == #"[{"changes":[{"action":"change","certainty":"cannot be known before","summary":"load schema"}],"#
                + #""step":"first"},"#
                + #"{"changes":[],"step":"second"},{"changes":[],"step":"third"}]"#)
    }

    @Test func throwsWhatThePreflightFoundAllOfIt() async throws {
        let bench = try Bench()
        bench.world.problems = [failure(.unreachable, "no PostgreSQL"), failure(.unreachable, "no Redis")]
        bench.world.onFailover { _ in nil }
        do {
            _ = try await bench.plan()
            Issue.record("it planned")
        } catch let error as CombinedFailure {
            #expect(error.failures.map(\.cause) == ["no PostgreSQL", "no Redis"])
            #expect(error.kind == .unreachable)
        }
        #expect(bench.world.calls == ["open", "preflight", "failOver", "close"])
    }

    @Test func closesTheSiteWhenACheckFails() async throws {
        let bench = try Bench()
        bench.world.on("second.check") { _ in throw failure(.refused) }
        await #expect(throws: StepFailure.self) {
            try await bench.plan()
        }
        #expect(bench.world.calls == ["open", "preflight", "first.check", "second.check", "close"])
    }

    @Test func goesOnAfterAStepThatARunWouldStopAt() async throws {
        let bench = try Bench()
        bench.world.finds([Change("create database", .proved)], in: "first")
        bench.world.on("second.check") { _ in throw failure(.badInput, "no place for a backup") }
        bench.world.finds([Change("roll out", .predicted)], in: "third")
        let plan = try await bench.plan()
        #expect(plan.steps.map(\.changes.count) == [1, 0, 1])
        #expect(plan.steps.map { $0.obstacle?.contains("no place for a backup") } == [nil, true, nil])
        #expect(plan.failure?.kind == .badInput)
        #expect(!plan.isEmpty)
    }

    /// The step that was being looked at is looked at again, and those before it are not.
    @Test func goesOnThroughAnotherMaster() async throws {
        let bench = try Bench()
        bench.world.on("second.check") { visit in
            if visit.number == 1 { throw failure(.unreachable, "connection reset") }
        }
        bench.world.onFailover { _ in "k8s-master-01 no longer responds, continuing through k8s-master-02" }
        let told = Locked<[String]>([])
        let plan = try await bench.plan { warning in told.withLock { $0.append(warning) } }
        #expect(plan.steps.map(\.step) == ["first", "second", "third"])
        #expect(bench.world.stepCalls == ["first.check", "second.check", "second.check", "third.check"])
        #expect(told.withLock { $0 } == ["k8s-master-01 no longer responds, continuing through k8s-master-02"])
    }

    @Test func closesTheSiteWhenItIsInterrupted() async throws {
        let bench = try Bench()
        bench.world.on("second.check", hang)
        await #expect(throws: CancellationError.self) {
            try await bench.cancelled(at: "second.check") {
                try await bench.plan()
            }
        }
        #expect(bench.world.calls.last == "close")
    }

    @Test func aProofIsToBeRepeatedWhereSomethingBeforeItChanges() async throws {
        var bench = try Bench()
        bench.proofs = ["second", "third"]
        for step in bench.steps { bench.world.settle(step) }
        #expect(try await bench.plan().isEmpty)
        bench.world.unsettle("first")
        let again = Change("verify again after the changes above: a step of the engine's tests", .knownAfterApply, .run)
        #expect(try await bench.plan().steps.map(\.changes) == [[Change("mend first", .proved)], [again], [again]])
        // What it finds itself says more.
        bench.world.unsettle("second")
        #expect(try await bench.plan().steps[1].changes == [Change("mend second", .proved)])
    }

    /// What the look ahead and several steps warn of is told once, and stands in the plan with what it is about.
    @Test func warningsAreToldOnceAndAreInThePlan() async throws {
        let bench = try Bench()
        bench.redactor.add(Secret("correct-horse-battery"))
        let subject = Change.Subject.object(kind: "Deployment", namespace: "a", name: "b")
        for step in ["first", "second"] {
            bench.world.on("\(step).check") { visit in
                visit.reporter?.warns("the ice is thin: correct-horse-battery")
                visit.reporter?.warns("Deployment a/b melts", about: .thing(subject, words: "melts"))
                visit.reporter?.warns("Deployment a/b drips", about: .thing(subject, words: "drips"))
                visit.reporter?.warns("node-1 is gone, as \(step) saw", about: .absentNode("node-1"))
            }
        }
        let told = Locked<[String]>([])
        let plan = try await bench.plan { warning in told.withLock { $0.append(warning) } }
        let texts = [
            "the ice is thin: •••", "Deployment a/b melts", "Deployment a/b drips", "node-1 is gone, as first saw",
        ]
        #expect(told.withLock { $0 } == texts)
        #expect(plan.warnings.map(\.text) == texts)
        #expect(plan.warnings.map(\.subject) == [nil, subject, subject, .node(name: "node-1")])
        let path = "\(bench.scratch.path)/plan.json"
        try await plan.write(to: path)
        #expect(try await ModulePlan.read(from: path, for: bench.fakeModule).content.warnings == plan.warnings)
    }
}
